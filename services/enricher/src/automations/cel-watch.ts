import { ExactNumber } from '@pressferry/contracts';

class TooSlow extends Error {
  override name = 'TooSlow';
}

/** Interrupts an evaluation, which the library cannot: reads of lists and objects look at the clock. */
export interface Watch {
  watched: (value: unknown) => unknown;
  /** `exists` and `all` go on after a turn that fails, so there may be a value all the same. */
  isLate: () => boolean;
}

const READS_PER_LOOK = 16;

/** `untilMs` of `performance.now()`. */
export function watchUntil(untilMs: number): Watch {
  if (untilMs === Number.POSITIVE_INFINITY) return { watched: (value) => value, isLate: () => false };
  const late = new TooSlow('the expression takes too long');
  let isLate = false;
  let reads = 0;
  const check = (): void => {
    if (reads++ % READS_PER_LOOK === 0) isLate ||= performance.now() > untilMs;
    if (isLate) throw late;
  };
  const traps: ProxyHandler<object> = {
    get: (target, name) => {
      check();
      return (target as Record<PropertyKey, unknown>)[name];
    },
    ownKeys: (target) => {
      check();
      return Reflect.ownKeys(target);
    },
  };
  const watched = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return value;
    const members = Array.isArray(value)
      ? value.map(watched)
      : Object.fromEntries(Object.entries(value).map(([name, member]) => [name, watched(member)]));
    return new Proxy(members, traps);
  };
  return { watched, isLate: () => isLate };
}
