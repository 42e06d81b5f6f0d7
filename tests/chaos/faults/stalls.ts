import type { Fault } from '../judge.ts';

const LOOK_MS = 200;
const STALL_MS = 1_000;

/** Notes when this process came to nothing: its vendor and sites answered nothing then, and callers gave up. */
export function watchStalls(now: () => number, note: (fault: Fault) => void): Disposable {
  let lastMs = now();
  const timer = setInterval(() => {
    const [startMs, endMs] = [lastMs, now()];
    lastMs = endMs;
    if (endMs - startMs < STALL_MS) return;
    note({ target: 'outside', what: 'a stall of the vendor and the sites', interrupts: true, startMs, endMs });
  }, LOOK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
