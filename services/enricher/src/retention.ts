import { setTimeout as delay } from 'node:timers/promises';
import { type Database, removeOldEvents } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Metrics } from './metrics.ts';

export interface RetentionDeps {
  db: Database;
  /** How long finished events are kept; 0 keeps them forever. */
  days: number;
  everyMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'expiredEvents' | 'interruption'>;
  logger: Logger;
  random: () => number;
}

/** Leaves the database to the work between two batches. */
const PAUSE_MS = 100;

/**
 * Removes finished events after their time, until `signal` is aborted. Every replica does so; a random first wait keeps most of them
 * from passing over the same events at the same time.
 */
export async function keepRetention(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { db, days, everyMs, untilReady, metrics, logger, random } = deps;
  if (days === 0) return;
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  await wait(everyMs * random());
  while (!signal.aborted) {
    await untilReady(signal);
    if (signal.aborted) return;
    try {
      const { events, kept } = await removeOldEvents(db, { days, signal, pause: () => wait(PAUSE_MS) });
      metrics.expiredEvents(events);
      if (events > 0 || kept > 0) logger.info({ events, kept, days }, 'retention.passed');
    } catch (error) {
      metrics.interruption('retention');
      logger.warn(errorFields(error), 'retention.interrupted');
    }
    await wait(everyMs);
  }
}
