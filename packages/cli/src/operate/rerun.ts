import { randomUUID } from 'node:crypto';
import type { Database } from '@pressferry/database';

export type Rerun = { kind: 'started'; runId: string } | { kind: 'refused'; why: string };

/**
 * Has a failed run done again, from its first step, as a new run: with another id its vendor calls, its result and its delivery are
 * new ones to everyone (docs/decisions/0049-failed-runs-again.md). The failed one stays, under the automation's name and the time.
 */
export function rerunFailed(db: Database, runId: string, actor: string): Promise<Rerun> {
  return db.transaction().execute(async (tx): Promise<Rerun> => {
    const run = await tx.selectFrom('runs').selectAll().where('run_id', '=', runId).forUpdate().executeTakeFirst();
    if (run === undefined)
      return { kind: 'refused', why: `there is no run ${runId}: it was erased, or its time is over` };
    if (run.status !== 'failed') return { kind: 'refused', why: `run ${runId} is ${run.status}, not failed` };
    if (isReplaced(run.automation)) return { kind: 'refused', why: `run ${runId} has been done again already` };
    const steps = await tx.selectFrom('steps').selectAll().where('run_id', '=', runId).orderBy('position').execute();
    const [first] = steps;
    if (first === undefined) return { kind: 'refused', why: `run ${runId} has no steps` };
    const again = randomUUID();
    await tx
      .updateTable('runs')
      .set({ automation: `${run.automation}${MARK}${new Date().toISOString()}` })
      .where('run_id', '=', runId)
      .execute();
    const { request_id, site_id, idempotency_key, automation } = run;
    await tx
      .insertInto('runs')
      .values({
        run_id: again,
        request_id,
        site_id,
        idempotency_key,
        automation,
        vendor: first.vendor,
        status: 'pending',
      })
      .execute();
    await tx
      .insertInto('steps')
      .values(steps.map(({ position, name, type, vendor }) => ({ run_id: again, position, name, type, vendor })))
      .execute();
    await tx
      .insertInto('audit_log')
      .values({ actor, action: 'run.replayed', site_id, detail: JSON.stringify({ failed_run: runId, run: again }) })
      .execute();
    return { kind: 'started', runId: again };
  });
}

/** No automation may have it in its name. */
const MARK = ' replaced ';

const isReplaced = (automation: string): boolean => automation.includes(MARK);
