import type { Automation } from './compile.ts';

/** What matching reads of an event. */
export interface Matchable {
  siteId: string;
  event_type: string;
  object_ref: string;
  data: Record<string, unknown>;
}

/** The automations that run for an event: its type listed, its site not excluded, every condition of `when` met. */
export const matching = (automations: Iterable<Automation>, event: Matchable): Automation[] =>
  [...automations].filter((automation) => matches(automation, event));

function matches({ on, sites, when }: Automation, event: Matchable): boolean {
  if (!on.has(event.event_type) || (sites !== null && !sites.has(event.siteId))) return false;
  return when.every(({ path, values }) => values.some((value) => value === read(event, path)));
}

function read(event: Matchable, path: readonly string[]): unknown {
  let value: unknown = { event_type: event.event_type, object_ref: event.object_ref, data: event.data };
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
