import { createConditions } from './cel.ts';
import { toCel } from './cel-values.ts';
import type { Automation } from './compile.ts';
import type { AutomationDefinition } from './schema.ts';

export interface Matchable {
  siteId: string;
  labels: Readonly<Record<string, string>>;
  event_type: string;
  object_ref: string;
  data: Record<string, unknown>;
}

/** Those that list the event's type, do not exclude its site, and whose `when` holds. */
export const matching = (automations: Iterable<Automation>, event: Matchable): Automation[] =>
  [...automations].filter((automation) => matches(automation, event));

const conditions = createConditions({ event: 'dyn', site: 'dyn' });

export const checkWhen = conditions.check;

function matches({ on, sites, when, modeFor }: Automation, event: Matchable): boolean {
  if (!on.has(event.event_type) || (sites !== null && !sites.has(event.siteId))) return false;
  if (modeFor(event.siteId) === 'off') return false;
  if (typeof when === 'string') {
    const { siteId, labels, ...facts } = event;
    return conditions.holds(when, { event: toCel(facts), site: { id: siteId, labels } });
  }
  return when.every(({ path, accepts }) => accepts(read(event, path)));
}

type Condition = Exclude<AutomationDefinition['when'], string>[string];
export function acceptance(condition: Condition): (value: unknown) => boolean {
  if (typeof condition === 'object' && condition !== null && 'present' in condition)
    return (value) => isPresent(value) === condition.present;
  const accepted: unknown[] = Array.isArray(condition) ? condition : [condition];
  return (value) => accepted.includes(value);
}

function isPresent(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null;
}

function read(event: Matchable, path: readonly string[]): unknown {
  let value: unknown = { event_type: event.event_type, object_ref: event.object_ref, data: event.data };
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
