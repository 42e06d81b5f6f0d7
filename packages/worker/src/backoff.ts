/** A growing pause between tries of the same thing, in ms. */
export interface Backoff {
  baseMs: number;
  capMs: number;
}

/** The pause after the given number of failed tries (1, 2, …): doubled each time up to the cap, and up to a quarter shorter by chance. */
export function backoffMs({ baseMs, capMs }: Backoff, failures: number, random: () => number = Math.random): number {
  const fullMs = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return fullMs * (1 - random() / 4);
}
