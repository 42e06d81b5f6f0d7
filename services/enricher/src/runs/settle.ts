import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { backoffMs, type DatabaseHealth, isRowFault } from '@pressferry/worker';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { type Settlement, settleStep } from '../db/settle-step.ts';

export interface SettleDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  /** Aborted when the process can wait no longer. */
  giveUp: AbortSignal;
  /** How many settlements the database does not take at the moment. */
  countHeld: (change: 1 | -1) => void;
  logger: Logger;
  /** What to store if only this settlement cannot be stored: the step failed. */
  withoutAnswer: (run: ClaimedRun, settlement: Settlement) => Settlement;
}

/** What was stored; null if another worker has the run by now, or if the process could not wait any longer. */
export type Settled = Settlement | null;

const RETRY = { baseMs: 100, capMs: 2_000 };

/**
 * Stores what a step came to, for as long as it takes: the vendor has done its work, and asking again would have it done twice. If the
 * database takes the run's end but not this settlement, the answer is at fault, and the step fails.
 */
export async function settlePatiently(run: ClaimedRun, settlement: Settlement, deps: SettleDeps): Promise<Settled> {
  let isHeld = false;
  try {
    for (let failures = 1; ; failures++) {
      const failed = await trySettle(run, settlement, deps);
      if (failed.kind === 'done') return failed.settled;
      const { error } = failed;
      if (isRowFault(error)) {
        const fallback = await trySettle(run, deps.withoutAnswer(run, settlement), deps);
        if (fallback.kind === 'done') {
          deps.logger.error({ run_id: run.run_id, ...errorFields(error) }, 'step.answer_unstorable');
          return fallback.settled;
        }
      }
      if (!isHeld) {
        isHeld = true;
        deps.countHeld(1);
        deps.logger.warn({ run_id: run.run_id, ...errorFields(error) }, 'step.settle_held');
      }
      deps.health.suspect();
      await delay(backoffMs(RETRY, failures), undefined, { signal: deps.giveUp }).catch(() => undefined);
      await deps.health.untilUp(deps.giveUp);
      if (deps.giveUp.aborted) return null;
    }
  } finally {
    if (isHeld) deps.countHeld(-1);
  }
}

type Tried = { kind: 'done'; settled: Settled } | { kind: 'failed'; error: unknown };

async function trySettle(run: ClaimedRun, settlement: Settlement, { db }: SettleDeps): Promise<Tried> {
  try {
    return { kind: 'done', settled: (await settleStep(db, run, settlement)) ? settlement : null };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
