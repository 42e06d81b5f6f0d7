import { setTimeout as delay } from 'node:timers/promises';
import {
  clearOldDays,
  countDaysAhead,
  type Database,
  dropOldDays,
  forgetOldRows,
  makeDaysAhead,
} from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Automation } from './automations/compile.ts';
import type { Versions } from './automations/versions.ts';
import type { Metrics } from './metrics.ts';

export interface RetentionDeps {
  db: Database;
  /** How long finished events are kept; 0 keeps them forever. */
  days: number;
  /** How long their details are kept; 0 keeps them as long as the event. */
  stepsDays: number;
  attemptsDays: number;
  everyMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'expiredEvents' | 'daysAhead' | 'interruption'>;
  logger: Logger;
  random: () => number;
  /** Those in use. */
  automations: ReadonlyMap<string, Automation>;
  versions: Pick<Versions, 'note'>;
}

/**
 * Makes the partitions of the days to come, notes which versions of automations are in use, and drops what is too old, until `signal` is aborted. Every replica does so, at
 * once the first; a random wait before the second keeps most of them from doing it at the same time.
 */
export async function keepRetention(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { db, days, stepsDays, attemptsDays, everyMs, untilReady, metrics, logger, random, automations, versions } =
    deps;
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  const ahead = async (): Promise<void> => {
    await makeDaysAhead(db);
    metrics.daysAhead(await countDaysAhead(db));
  };
  const drop = async (): Promise<void> => {
    if (days === 0) return;
    const dropped = await dropOldDays(db, { days, signal });
    metrics.expiredEvents(dropped.events);
    const forgotten = Object.values(await forgetOldRows(db, { days })).reduce((sum, rows) => sum + rows, 0);
    if (dropped.days > 0 || dropped.keptDays > 0 || dropped.busyDays > 0 || forgotten > 0)
      logger.info(
        {
          ...{ events: dropped.events, dropped_days: dropped.days },
          ...{ kept_days: dropped.keptDays, busy_days: dropped.busyDays, forgotten_rows: forgotten, days },
        },
        'retention.passed',
      );
  };
  const clear = async (): Promise<void> => {
    const { tables, busyTables } = await clearOldDays(db, { stepsDays, attemptsDays, signal });
    if (tables > 0 || busyTables > 0)
      logger.info({ cleared_tables: tables, busy_tables: busyTables }, 'retention.cleared');
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
    // Even if this replica drops nothing: another one may.
    await untilDone(() => versions.note(automations.values()));
    await untilDone(drop);
    await untilDone(clear);
    await wait(everyMs);
  }
}
