import { createConditions } from './cel.ts';
import { toCel } from './cel-values.ts';
import { watchUntil } from './cel-watch.ts';
import type { Automation } from './compile.ts';
import type { AutomationDefinition } from './schema.ts';

export interface Matchable {
  siteId: string;
  labels: Readonly<Record<string, string>>;
  event_type: string;
  object_ref: string;
  data: Record<string, unknown>;
}

export interface Matched {
  matched: Automation[];
  /** Their conditions took too long. */
  undecided: Automation[];
}

/**
 * Those that list the event's type, do not exclude its site, and whose `when` holds. `untilMs` of `performance.now()`
 * is for all conditions together.
 */
export function matching(
  automations: Iterable<Automation>,
  event: Matchable,
  untilMs = Number.POSITIVE_INFINITY,
): Matched {
  const matched: Automation[] = [];
  const undecided: Automation[] = [];
  for (const automation of automations) {
    const isMatch = matches(automation, event, untilMs);
    if (isMatch !== false) (isMatch ? matched : undecided).push(automation);
  }
  return { matched, undecided };
}

const conditions = createConditions({ event: 'dyn', site: 'dyn' });

export const checkWhen = conditions.check;

function matches({ on, sites, when, modeFor }: Automation, event: Matchable, untilMs: number): boolean | undefined {
  if (!on.has(event.event_type) || (sites !== null && !sites.has(event.siteId))) return false;
  if (modeFor(event.siteId) === 'off') return false;
  return typeof when === 'string'
    ? whenHolds(when, event, untilMs)
    : when.every(({ path, accepts }) => accepts(read(event, path)));
}

/** Undefined if that is not known by `untilMs`. */
export function whenHolds(
  when: string,
  { siteId, labels, ...facts }: Matchable,
  untilMs = Number.POSITIVE_INFINITY,
): boolean | undefined {
  const { watched, isLate } = watchUntil(untilMs);
  const holds = conditions.holds(when, { event: watched(toCel(facts)), site: { id: siteId, labels } });
  return isLate() ? undefined : holds;
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
