import { randomUUID } from 'node:crypto';
import type { Database } from '@pressferry/database';

export type Rerun = { kind: 'started'; runId: string } | { kind: 'refused'; why: string };

/**
 * Repeats a failed run from its first step as a new run, whose new id makes its calls, result and delivery new
 * (docs/decisions/0049-failed-runs-again.md). The failed one stays, under the automation's name and the time.
 */
export function rerunFailed(
  db: Database,
  { requestId, runId }: { requestId: string; runId: string },
  actor: string,
): Promise<Rerun> {
  return db.transaction().execute(async (tx): Promise<Rerun> => {
    const failed = await lockFailed(tx, requestId, runId);
    if ('kind' in failed) return failed;
    const { run, steps, vendor } = failed;
    const { filed_at, request_id, site_id, idempotency_key, automation } = run;
    const again = randomUUID();
    await tx
      .updateTable('past_runs')
      .set({ automation: `${automation}${MARK}${new Date().toISOString()}` })
      .where('filed_at', '=', filed_at)
      .where('run_id', '=', runId)
      .execute();
    await tx
      .insertInto('open_runs')
      .values({ filed_at, run_id: again, request_id, site_id, idempotency_key, automation, vendor })
      .execute();
    await tx
      .insertInto('open_steps')
      .values(
        steps.map(({ position, name, type, vendor: of, last_traceparent }) => ({
          ...{ filed_at, run_id: again, position, name, type, vendor: of },
          // Its first attempt's span links to the one that failed.
          last_traceparent,
        })),
      )
      .execute();
    await tx
      .insertInto('audit_log')
      .values({ actor, action: 'run.replayed', site_id, detail: JSON.stringify({ failed_run: runId, run: again }) })
      .execute();
    return { kind: 'started', runId: again };
  });
}

/** Also locks its event, so their day is not dropped meanwhile. */
async function lockFailed(tx: Database, requestId: string, runId: string) {
  const refused = (why: string) => ({ kind: 'refused', why }) as const;
  const gone = refused(`there is no run ${runId}: it was erased, or its time is over`);
  const key = await tx.selectFrom('event_keys').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  if (key === undefined) return gone;
  const { filed_at } = key;
  const event = await tx
    .selectFrom('events')
    .select('request_id')
    .where('filed_at', '=', filed_at)
    .where('request_id', '=', requestId)
    .forKeyShare()
    .executeTakeFirst();
  const run = await tx
    .selectFrom('past_runs')
    .selectAll()
    .where('filed_at', '=', filed_at)
    .where('run_id', '=', runId)
    .forUpdate()
    .executeTakeFirst();
  if (event === undefined || run === undefined) {
    const open = await tx.selectFrom('open_runs').select('status').where('run_id', '=', runId).executeTakeFirst();
    return open === undefined ? gone : refused(`run ${runId} is ${open.status}, not failed`);
  }
  if (run.status !== 'failed') return refused(`run ${runId} is ${run.status}, not failed`);
  if (isReplaced(run.automation)) return refused(`run ${runId} has been done again already`);
  const steps = await tx
    .selectFrom('past_steps')
    .selectAll()
    .where('filed_at', '=', filed_at)
    .where('run_id', '=', runId)
    .orderBy('position')
    .execute();
  const [first] = steps;
  return first === undefined
    ? refused(`the steps of run ${runId} were removed: they are kept for RETENTION_STEPS_DAYS`)
    : { run, steps, vendor: first.vendor };
}

/** No automation's name may contain it. */
const MARK = ' replaced ';

const isReplaced = (automation: string): boolean => automation.includes(MARK);
