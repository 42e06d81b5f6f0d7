import {
  clearOldDays,
  countDaysAhead,
  type Database,
  dropOldDays,
  forgetOldRows,
  makeDaysAhead,
} from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { type Loop, startLoop } from '@pressferry/worker';
import type { Automation } from './automations/compile.ts';
import type { Versions } from './automations/versions.ts';
import type { Metrics } from './metrics.ts';

export interface RetentionDeps {
  db: Database;
  /** 0 keeps finished events forever. */
  days: number;
  /** 0 keeps their details as long as the event. */
  stepsDays: number;
  attemptsDays: number;
  everyMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'expiredEvents' | 'daysAhead' | 'interruption'>;
  logger: Logger;
  random: () => number;
  automations: ReadonlyMap<string, Automation>;
  versions: Pick<Versions, 'note'>;
}

/**
 * Makes the partitions of the days ahead, notes the versions of automations in use, and drops old data. Every replica
 * does so. The first round only makes partitions; a random wait before the second keeps replicas apart.
 */
export function startRetention(deps: RetentionDeps): Loop {
  const { db, days, stepsDays, attemptsDays, everyMs, untilReady, metrics, logger, random, automations, versions } =
    deps;
  const ahead = async (): Promise<void> => {
    await makeDaysAhead(db);
    metrics.daysAhead(await countDaysAhead(db));
  };
  const drop = async (signal: AbortSignal): Promise<void> => {
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
  const clear = async (signal: AbortSignal): Promise<void> => {
    const { tables, busyTables } = await clearOldDays(db, { stepsDays, attemptsDays, signal });
    if (tables > 0 || busyTables > 0)
      logger.info({ cleared_tables: tables, busy_tables: busyTables }, 'retention.cleared');
  };
  const onInterruption = (error: unknown): void => {
    metrics.interruption('retention');
    logger.warn(errorFields(error), 'retention.interrupted');
  };
  // Versions are noted even if this replica drops nothing: another one may.
  const parts = [ahead, () => versions.note(automations.values()), drop, clear];
  let rounds = 0;
  return startLoop(
    async (stopping) => {
      for (const part of rounds++ === 0 ? [ahead] : parts) {
        await untilReady(stopping);
        // A failed part does not stop the next one.
        if (!stopping.aborted) await part(stopping).catch(onInterruption);
      }
    },
    { intervalMs: () => (rounds === 1 ? everyMs * random() : everyMs), onInterruption },
  );
}
