import { type Database, tryOut } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { type Batcher, BatcherStopped, createBatcher, type DatabaseHealth, UnstorableRow } from '@pressferry/worker';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { type Settlement, settleSteps } from '../db/settle-step.ts';

export interface SettleDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  giveUp: AbortSignal;
  logger: Logger;
  /** If only this settlement cannot be stored: the failure to store instead. */
  withoutAnswer: (run: ClaimedRun, settlement: Settlement) => Settlement;
}

/** Null if another worker holds the run, or the process could not wait any longer. */
export type Settled = Settlement | null;

export interface Settlements {
  settle: (run: ClaimedRun, settlement: Settlement) => Promise<Settled>;
  /** Outcomes that the database does not take now. */
  held: () => number;
  /** Resolves once the database takes outcomes, or when `signal` is aborted: begin nothing before. */
  untilFlowing: (signal: AbortSignal) => Promise<void>;
}

interface Work {
  run: ClaimedRun;
  settlement: Settlement;
}

/**
 * Stores many outcomes per statement. Each is kept until it is stored: the vendor has done its work and would do it
 * twice. If the database takes the run's end but not this settlement, the answer is at fault and the step fails.
 */
export function createSettlements({ db, health, giveUp, logger, withoutAnswer }: SettleDeps): Settlements {
  const batcher: Batcher<Work, boolean> = createBatcher({
    write: (settled) => settleSteps(db, settled),
    writeCanary: ({ run, settlement }) =>
      tryOut(db, (tx) => settleSteps(tx, [{ run, settlement: withoutAnswer(run, settlement) }])),
    keyOf: ({ run }) => run.run_id,
    groupOf: ({ run }) => run.site_id,
    sizeOf: ({ settlement: { sealedOutput, next } }) =>
      (sealedOutput?.length ?? 0) + (next.kind === 'end' ? next.result.sealed_body.length : 0),
    health,
    stop: giveUp,
    onHeld: (error, steps) => logger.warn({ ...errorFields(error), steps }, 'step.settle_held'),
  });
  const store = async (work: Work): Promise<Settled> => ((await batcher.write(work)) ? work.settlement : null);
  return {
    held: batcher.held,
    untilFlowing: (signal) => batcher.untilFlowing(signal),
    settle: async (run, settlement) => {
      try {
        return await store({ run, settlement });
      } catch (error) {
        if (!(error instanceof UnstorableRow)) return letGo(error);
        logger.error({ run_id: run.run_id, ...errorFields(error.cause) }, 'step.answer_unstorable');
        return await store({ run, settlement: withoutAnswer(run, settlement) }).catch(letGo);
      }
    },
  };
}

/** At a stop unstored outcomes are dropped: their lease ends, and the step is tried again. */
function letGo(error: unknown): null {
  if (error instanceof BatcherStopped || error instanceof UnstorableRow) return null;
  throw error;
}
