/** Null means none. */
export const earlierEnd = (own: Date | null, bound: Date): Date =>
  own !== null && own.getTime() <= bound.getTime() ? own : bound;

/** For people. */
export const untilText = (at: Date | null, nowMs = Date.now()): string => {
  if (at === null) return 'never';
  return at.getTime() <= nowMs ? 'now' : `at ${at.toISOString()}`;
};
