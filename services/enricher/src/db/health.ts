import { setTimeout as delay } from 'node:timers/promises';
import { type Database, isReachable } from '@pressferry/database';

/** Whether Postgres answers, asked every second, so that work is held back while it does not. */
export interface DatabaseHealth extends AsyncDisposable {
  isUp: () => boolean;
  /** A statement failed: nothing more is begun until a probe succeeds. */
  suspect: () => void;
  /** Resolves when Postgres answers, or when `signal` is aborted. */
  untilUp: (signal: AbortSignal) => Promise<void>;
}

const PROBE_MS = 1_000;
const PROBE_DOWN_MS = 250;

/** Begins to watch Postgres; `onChange` is called when it goes and when it comes back. */
export function watchDatabase(db: Database, onChange: (isUp: boolean) => void): DatabaseHealth {
  const stop = new AbortController();
  let up = false;
  let waiting: (() => void)[] = [];
  const set = (isUp: boolean): void => {
    if (isUp !== up) onChange(isUp);
    up = isUp;
    if (!up) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const probe = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      set(await isReachable(db));
      await delay(up ? PROBE_MS : PROBE_DOWN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const probing = probe();
  return {
    isUp: () => up,
    suspect: () => set(false),
    untilUp: async (signal) => {
      if (up || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => resolve();
      waiting.push(end);
      signal.addEventListener('abort', end, { once: true });
      await promise;
      signal.removeEventListener('abort', end);
      waiting = waiting.filter((other) => other !== end);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await probing;
    },
  };
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
// Connection exceptions, insufficient resources, operator intervention, system errors, and conflicts that another try settles.
const PASSING = /^(?:08|40|53|55|57|58|XX)/;

/** True where the statement itself is at fault and another try would fail alike; false for an outage. */
export function isStatementFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SQLSTATE.test(code) && !PASSING.test(code);
}
