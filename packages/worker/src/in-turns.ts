/** Every group's first value comes before any second; a group's own order is kept. */
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
