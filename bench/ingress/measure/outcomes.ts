const SERIES = /^pressferry_ingress_requests_total\{outcome="([^"]+)"\} (\d+)$/gm;

/** What an ingress has answered since it began, by outcome, as its own metrics say. */
export async function outcomesOf(opsUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  return new Map([...text.matchAll(SERIES)].map(([, outcome = '', count]) => [outcome, Number(count)]));
}

/** The answers between two readings. */
export const answeredBetween = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> =>
  Object.fromEntries(
    [...after]
      .map(([outcome, count]) => [outcome, count - (before.get(outcome) ?? 0)])
      .filter(([, count]) => count !== 0),
  );
