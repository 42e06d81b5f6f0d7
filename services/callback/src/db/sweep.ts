import type { ResultMessage } from '@pressferry/contracts';
import { anyFiledAt, type Database } from '@pressferry/database';
import { writeApart } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';
import { canary } from './intake.ts';
import { lockResults } from './lock-results.ts';

/** How many deliveries were made, and whether none is missing for now. */
export interface Swept {
  made: number;
  isEnd: boolean;
}

/** Keeps a result whose delivery Postgres refuses while it accepts others; true once it is kept. */
export type Refuse = (result: ResultMessage, error: unknown) => Promise<boolean>;

const BATCH = 5_000;

/**
 * Makes missing deliveries in the order of the results' places. One replica looks at each result once, when it is
 * `minAgeMs` old. Postgres keeps where the last sweep ended. A result whose delivery is refused goes to `refuse` and
 * holds up no other.
 */
export async function sweepResults(db: Database, minAgeMs: number, refuse: Refuse): Promise<Swept> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      const { rows: marks } = await sql<{ place: string; settled: string }>`
        select place::text, last_settled_place()::text as settled from delivery_sweep for update skip locked`.execute(
        tx,
      );
      const [mark] = marks;
      if (mark === undefined || BigInt(mark.settled) <= BigInt(mark.place)) return { made: 0, isEnd: true };
      const { rows: seen } = await sql<Seen>`/* read_results_behind */
        select filed_at::text, result_id, commit_xid::text as place from (
          select filed_at, result_id, commit_xid, bool_and(completed_at <= now() - ${minAgeMs}::bigint * interval '1 ms')
            over (order by commit_xid, ordinal) as is_old
          from (
            select filed_at, result_id, commit_xid, ordinal, completed_at from results
            where commit_xid > ${mark.place}::xid8 and commit_xid <= ${mark.settled}::xid8
            order by commit_xid fetch first ${BATCH} rows with ties
          ) behind
        ) next
        where is_old order by commit_xid`.execute(tx);
      const last = seen.at(-1);
      if (last === undefined) return { made: 0, isEnd: true };
      const made = await writeApart(
        seen,
        (some) => within(tx, () => makeMissing(tx, some)),
        (result, error) => refuseOne(tx, result, (message) => refuse(message, error)),
      );
      await sql`update delivery_sweep set place = ${last.place}::xid8`.execute(tx);
      return { made, isEnd: seen.length < BATCH };
    });
}

interface Seen {
  filed_at: string;
  result_id: string;
  place: string;
}

async function makeMissing(db: Database, seen: readonly Seen[]): Promise<number> {
  const { rows: missing } = await sql<Seen>`
    select filed_at::text, result_id, commit_xid::text as place from results where ${withoutDelivery(seen)}`.execute(
    db,
  );
  if (missing.length === 0) return 0;
  // A poll may be ending them right now.
  await lockResults(db, missing);
  const { numAffectedRows } = await sql`
    insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at)
    select filed_at, result_id, results.run_id, request_id, results.site_id, idempotency_key, traceparent, completed_at
    from results join events using (filed_at, request_id)
    where events.filed_at = ${daysOf(missing)} and ${withoutDelivery(missing)}
    on conflict do nothing`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

const daysOf = (seen: readonly Seen[]): RawBuilder<unknown> => anyFiledAt(seen.map(({ filed_at }) => filed_at));

/** Most deliveries have ended: only for the others are the open ones read, where an old transaction keeps the ended ones. */
function withoutDelivery(seen: readonly Seen[]): RawBuilder<unknown> {
  const given = sql`any(${seen.map(({ result_id }) => result_id)}::uuid[])`;
  // `not in` reads its list once; an anti-join may read it once for each result.
  return sql`results.filed_at = ${daysOf(seen)} and results.result_id = any(array(
      select result_id from results where results.filed_at = ${daysOf(seen)} and results.result_id = ${given}
        and results.result_id not in (
          select result_id from past_deliveries where filed_at = ${daysOf(seen)} and result_id = ${given}
        )
    ))
    and (select open.result_id from open_deliveries open where open.result_id = results.result_id) is null`;
}

/** Runs `work` in a savepoint and rolls back to it on failure, so the transaction goes on. */
async function within<T>(tx: Database, work: () => Promise<T>): Promise<T> {
  await sql`savepoint apart`.execute(tx);
  try {
    const done = await work();
    await sql`release savepoint apart`.execute(tx);
    return done;
  } catch (error) {
    await sql`rollback to savepoint apart`.execute(tx);
    throw error;
  }
}

async function refuseOne(
  tx: Database,
  { filed_at, result_id }: Seen,
  refuse: (result: ResultMessage) => Promise<boolean>,
): Promise<void> {
  // If this delivery is refused too, the table is at fault and not the result.
  await sql`savepoint canary`.execute(tx);
  await tx
    .insertInto('open_deliveries')
    .values({ ...canary(), status: 'held' })
    .execute();
  await sql`rollback to savepoint canary`.execute(tx);
  const { rows } = await sql<{ run_id: string; request_id: string; site_id: string; completed_at: Date }>`
    select run_id, request_id, site_id, completed_at from results
    where filed_at = ${anyFiledAt([filed_at])} and result_id = ${result_id}`.execute(tx);
  for (const { run_id: runId, request_id: requestId, site_id: siteId, completed_at } of rows) {
    const result = { resultId: result_id, runId, requestId, siteId, completedAtMs: completed_at.getTime() };
    if (!(await refuse(result))) throw new Error('DEADLETTERS does not take a result whose delivery is refused');
  }
}
