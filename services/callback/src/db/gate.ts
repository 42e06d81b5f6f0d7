import { setTimeout as delay } from 'node:timers/promises';
import { type Database, isReachable } from '@pressferry/database';

/** Knows whether Postgres answers, without asking it before each use. */
export interface DatabaseGate {
  isUp: () => boolean;
  /** Says that a query failed; the gate then asks until one succeeds. */
  suspect: () => void;
  /** Resolves at once while Postgres is believed up, else as soon as it answers, or when `signal` is aborted. */
  untilUp: (signal: AbortSignal) => Promise<void>;
}

const PROBE_INTERVAL_MS = 250;

/** Makes a gate; the database is asked before the first use. */
export function createDatabaseGate(db: Database): DatabaseGate {
  let isUp = false;
  return {
    isUp: () => isUp,
    suspect: () => {
      isUp = false;
    },
    untilUp: async (signal) => {
      while (!isUp && !signal.aborted) {
        isUp = await isReachable(db);
        if (!isUp) await delay(PROBE_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
