/** Reorders values so that groups take turns, each in its own order: every group's first comes before any second. */
export function inTurns<T>(values: readonly T[], groupOf: (value: T) => string): T[] {
  const counts = new Map<string, number>();
  const placed = values.map((value) => {
    const group = groupOf(value);
    const turn = counts.get(group) ?? 0;
    counts.set(group, turn + 1);
    return { value, turn };
  });
  return placed.sort((a, b) => a.turn - b.turn).map(({ value }) => value);
}
