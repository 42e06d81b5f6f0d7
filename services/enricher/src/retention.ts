import { setTimeout as delay } from 'node:timers/promises';
import { countDaysAhead, type Database, dropOldDays, makeDaysAhead } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Metrics } from './metrics.ts';

export interface RetentionDeps {
  db: Database;
  /** How long finished events are kept; 0 keeps them forever. */
  days: number;
  everyMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'expiredEvents' | 'daysAhead' | 'interruption'>;
  logger: Logger;
  random: () => number;
}

/**
 * Makes the partitions of the days to come, and drops the days whose time is over, until `signal` is aborted. Every replica does so, at
 * once the first; a random wait before the second keeps most of them from doing it at the same time.
 */
export async function keepRetention(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { db, days, everyMs, untilReady, metrics, logger, random } = deps;
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  const ahead = async (): Promise<void> => {
    await makeDaysAhead(db);
    metrics.daysAhead(await countDaysAhead(db));
  };
  const drop = async (): Promise<void> => {
    if (days === 0) return;
    const dropped = await dropOldDays(db, { days, signal });
    metrics.expiredEvents(dropped.events);
    if (dropped.days > 0 || dropped.keptDays > 0 || dropped.busyDays > 0)
      logger.info(
        {
          ...{ events: dropped.events, dropped_days: dropped.days },
          ...{ kept_days: dropped.keptDays, busy_days: dropped.busyDays, days },
        },
        'retention.passed',
      );
  };
  const untilDone = async (work: () => Promise<void>): Promise<void> => {
    await untilReady(signal);
    if (signal.aborted) return;
    try {
      await work();
    } catch (error) {
      metrics.interruption('retention');
      logger.warn(errorFields(error), 'retention.interrupted');
    }
  };
  await untilDone(ahead);
  await wait(everyMs * random());
  while (!signal.aborted) {
    await untilDone(ahead);
    await untilDone(drop);
    await wait(everyMs);
  }
}
