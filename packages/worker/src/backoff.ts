/** In ms. */
export interface Backoff {
  baseMs: number;
  capMs: number;
}

/**
 * The pause after 1, 2, … failed tries: doubled each time up to the cap, then shortened by up to a quarter of jitter.
 */
export function backoffMs({ baseMs, capMs }: Backoff, failures: number, random: () => number = Math.random): number {
  const fullMs = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return fullMs * (1 - random() / 4);
}
