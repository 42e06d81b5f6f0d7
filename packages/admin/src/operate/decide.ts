import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { decisionReasonContext } from '@pressferry/runtime';
import { sql } from 'kysely';
import { reached } from '../fault-points.ts';

export interface Decision {
  runId: string;
  decision: 'approved' | 'rejected';
  by: string;
  /** Seals the reason for a context; null without a reason. */
  sealReason: ((context: string) => string) | null;
  /** Needed only if the run waits for approval more than once. */
  step: string | undefined;
}

export type Decided =
  | { kind: 'decided'; step: string; at: Date }
  | { kind: 'already'; step: string; at: Date; by: string }
  | { kind: 'refused'; why: string };

/** A worker holds a waiting run only for moments. */
const TRIES = 25;
const PAUSE_MS = 200;

/** A repeat changes nothing. The decision is in force once Postgres has it. */
export async function decideRun(db: Database, decision: Decision): Promise<Decided> {
  for (let tries = 1; ; tries++) {
    const decided = await db.transaction().execute((tx) => tryDeciding(tx, decision));
    if (decided.kind !== 'busy') {
      reached('decision.stored');
      return decided;
    }
    if (tries === TRIES) return { kind: 'refused', why: `run ${decision.runId} is being worked on: try again` };
    await delay(PAUSE_MS);
  }
}

async function tryDeciding(tx: Database, given: Decision): Promise<Decided | { kind: 'busy' }> {
  const { runId, decision, by, sealReason } = given;
  // Locked against the worker that ends its waiting.
  const run = await tx
    .selectFrom('open_runs')
    .select(['status', 'site_id'])
    .where('run_id', '=', runId)
    .forUpdate()
    .executeTakeFirst();
  const steps = await tx
    .selectFrom('open_steps')
    .select(['position', 'name', 'type', 'status', 'started_at', 'decision'])
    .where('run_id', '=', runId)
    .orderBy('position')
    .execute();
  const current = steps.find(({ status }) => status === 'pending');
  const isWaiting = current?.type === 'approve' && current.started_at !== null && current.decision === null;
  if (run === undefined || !isWaiting || (given.step !== undefined && given.step !== current.name))
    return judgeRepeat(tx, given, { status: run?.status, step: current?.name });
  if (given.step === undefined && steps.filter(({ type }) => type === 'approve').length > 1)
    return refused(`run ${runId} waits for approval more than once: name the step, --step ${current.name}`);
  if (run.status !== 'waiting') return { kind: 'busy' };
  const at = new Date();
  const sealed_reason = sealReason?.(decisionReasonContext(runId, current.position)) ?? null;
  await tx
    .updateTable('open_steps')
    .set({ decision, decided_by: by, decided_at: at, sealed_reason })
    .where('run_id', '=', runId)
    .where('position', '=', current.position)
    .execute();
  await tx.updateTable('open_runs').set({ due_at: sql`now()` }).where('run_id', '=', runId).execute();
  const detail = JSON.stringify({ run: runId, step: current.name });
  await tx
    .insertInto('audit_log')
    .values({ actor: by, action: `run.${decision}`, site_id: run.site_id, at, detail })
    .execute();
  reached('decision.storing');
  return { kind: 'decided', step: current.name, at };
}

const refused = (why: string): Decided => ({ kind: 'refused', why });

/** For a run that is not waiting: whether and how it was decided. */
async function judgeRepeat(
  tx: Database,
  { runId, decision, step }: Decision,
  now: { status: string | undefined; step: string | undefined },
): Promise<Decided> {
  const last = (await readDecisions(tx, [runId])).findLast((one) => step === undefined || one.step === step);
  if (last?.decision === decision) return { kind: 'already', step: last.step, at: last.at, by: last.by };
  if (last !== undefined)
    return refused(`run ${runId} was ${last.decision} by ${last.by} at ${last.at.toISOString()}, and stays so`);
  if (now.status !== undefined)
    return refused(`run ${runId} is at step ${now.step ?? '–'} (${now.status}) and does not wait for approval there`);
  const past = await tx.selectFrom('past_runs').select('status').where('run_id', '=', runId).executeTakeFirst();
  if (past !== undefined) return refused(`run ${runId} is ${past.status}: it does not wait for approval`);
  return refused(`there is no run ${runId}: see pressferry runs list --status waiting`);
}

/** Oldest first. */
export async function readDecisions(db: Database, runIds: readonly string[]) {
  const { rows } = await sql<{ run_id: string; step: string; decision: 'approved' | 'rejected'; by: string; at: Date }>`
    select detail ->> 'run' as run_id, detail ->> 'step' as step, substr(action, 5) as decision, actor as by, at from audit_log
    where action in ('run.approved', 'run.rejected') and detail ->> 'run' = any(${runIds}::text[]) order by audit_id`.execute(
    db,
  );
  return rows;
}
