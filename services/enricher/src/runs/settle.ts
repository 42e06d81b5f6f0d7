import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { type DatabaseHealth, isRowFault } from '@pressferry/worker';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { type Settlement, settleStep } from '../db/settle-step.ts';

const PAUSE_MS = 100;

/**
 * Settles a step, waiting through an outage of Postgres for as long as it takes: the vendor has done its work, and asking again would
 * have it done twice. Resolves to false where another worker has the run by now, or where `giveUp` was aborted first.
 */
export async function settleThroughOutages(
  run: ClaimedRun,
  settlement: Settlement,
  deps: { db: Database; health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>; giveUp: AbortSignal },
): Promise<boolean> {
  for (;;) {
    try {
      return await settleStep(deps.db, run, settlement);
    } catch (error) {
      if (isRowFault(error)) throw error;
      deps.health.suspect();
      await delay(PAUSE_MS, undefined, { signal: deps.giveUp }).catch(() => undefined);
      await deps.health.untilUp(deps.giveUp);
      if (deps.giveUp.aborted) return false;
    }
  }
}
