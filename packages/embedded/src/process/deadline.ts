import { setTimeout as delay } from 'node:timers/promises';

/** Repeats `attempt` until it resolves to a value; rejects, naming `what`, after `timeoutMs`. */
export async function poll<T>(
  what: string,
  attempt: () => Promise<T | undefined>,
  { timeoutMs, everyMs = 20 }: { timeoutMs: number; everyMs?: number },
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (Date.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(everyMs);
  }
}
