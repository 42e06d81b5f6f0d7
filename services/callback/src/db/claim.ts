import { anyFiledAt, type Database } from '@pressferry/database';
import { type Renewal, tryUntil } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';
import type { Share } from '../model.ts';

/** A delivery that this process holds until its lease ends. */
export interface Claim {
  /** The timestamp of the partitions that hold its rows, as Postgres writes it. */
  filedAt: string;
  resultId: string;
  siteId: string;
  /** The place in the retry schedule, from 1. Attempts that ended with their worker do not count. */
  attempt: number;
  /** Attempts that ended with their worker. */
  lost: number;
  requestId: string;
  /** Null if the event was erased. */
  idempotencyKey: string | null;
  runId: string;
  completedAtMs: number;
  sealedBody: string;
  traceparent: string | null;
  lastTraceparent: string | null;
}

/** Of a lease, the time in which what the attempt needs must be read. */
const READ_SHARE = 1 / 2;

/** Claimed deliveries, and those whose results were erased meanwhile. */
export interface Claims {
  claims: Claim[];
  erased: string[];
}

/** A site's quota, and the due time from which its deliveries are read, as Postgres writes it. */
export interface FlooredShare extends Share {
  floor: string;
}

export interface ClaimLease {
  owner: string;
  leaseMs: number;
  /** As `takeOverUntil` of the leases. */
  takeOverUntil: Date | null;
}

/**
 * Claims each site's oldest due deliveries, at most its quota. If a lease ran out, its attempt is stored as
 * `worker_lost` and counted apart: it says nothing about the site, but a result that kills its workers must not be
 * tried for ever.
 */
export async function claimDeliveries(
  db: Database,
  shares: readonly FlooredShare[],
  lease: ClaimLease,
): Promise<Claims> {
  const takenAtMs = performance.now();
  const { rows } = await claimQuery(shares, lease).execute(db);
  // Given up, the deliveries would wait for the end of their leases, and count as lost by a worker.
  const bodies = await tryUntil(() => readBodies(db, rows), takenAtMs + lease.leaseMs * READ_SHARE);
  return {
    claims: rows.flatMap((row) => {
      const sealedBody = bodies.get(row.result_id);
      return sealedBody === undefined ? [] : [toClaim(row, sealedBody)];
    }),
    erased: rows.flatMap(({ result_id }) => (bodies.has(result_id) ? [] : [result_id])),
  };
}

/** Reads each site from its floor, so it passes no finished rows before it that an old transaction keeps. */
export const claimQuery = (shares: readonly FlooredShare[], lease: ClaimLease): RawBuilder<Row> =>
  sql<Row>`/* claim_deliveries */
    with share as (
      select * from unnest(${shares.map(({ siteId }) => siteId)}::text[], ${shares.map(({ floor }) => floor)}::timestamptz[],
        ${shares.map(({ quota }) => quota)}::int[]) as share (site_id, floor, quota)
    ), picked as (
      select due.* from share cross join lateral (
        select result_id, lease_owner, lease_until from open_deliveries d
        where d.site_id = share.site_id and d.status = 'pending' and d.due_at >= share.floor and d.due_at <= now()
          and (d.lease_until is null or (d.lease_until <= now() and now() <= ${lease.takeOverUntil}::timestamptz))
        order by d.due_at limit share.quota for update skip locked
      ) due
    ), claimed as (
      -- A join may pair each with each.
      update open_deliveries set attempt_count = attempt_count + 1, lease_owner = ${lease.owner},
        lease_until = now() + ${lease.leaseMs}::int * interval '1 ms',
        attempts_told = attempts_told + (lease_owner is not null)::integer,
        lost_count = lost_count + (lease_owner is not null)::integer
      where result_id = any(array(select result_id from picked))
      returning *
    ), lost as (
      insert into attempts (filed_at, result_id, attempt, started_at, duration_ms, outcome, failure_code)
      select filed_at, result_id, attempts_told, picked.lease_until, 0, 'retry', 'worker_lost'
      from claimed join picked using (result_id) where picked.lease_owner is not null
    )
    select filed_at::text, result_id, site_id, attempt_count, lost_count, request_id, run_id, completed_at, traceparent,
      idempotency_key, last_traceparent
    from claimed order by due_at`;

async function readBodies(db: Database, rows: readonly Row[]): Promise<Map<string, string>> {
  if (rows.length === 0) return new Map();
  const { rows: bodies } = await sql<{ result_id: string; sealed_body: string }>`
    select result_id, sealed_body from results
    where filed_at = ${anyFiledAt(rows.map(({ filed_at }) => filed_at))}
      and result_id = any(${rows.map(({ result_id }) => result_id)}::uuid[])`.execute(db);
  return new Map(bodies.map(({ result_id, sealed_body }) => [result_id, sealed_body]));
}

interface Row {
  filed_at: string;
  result_id: string;
  site_id: string;
  attempt_count: number;
  lost_count: number;
  request_id: string;
  run_id: string;
  completed_at: Date;
  traceparent: string | null;
  last_traceparent: string | null;
  idempotency_key: string | null;
}

const toClaim = (row: Row, sealedBody: string): Claim => ({
  filedAt: row.filed_at,
  resultId: row.result_id,
  siteId: row.site_id,
  attempt: row.attempt_count - row.lost_count,
  lost: row.lost_count,
  requestId: row.request_id,
  idempotencyKey: row.idempotency_key,
  runId: row.run_id,
  completedAtMs: row.completed_at.getTime(),
  sealedBody,
  traceparent: row.traceparent,
  lastTraceparent: row.last_traceparent,
});

export async function dropErased(db: Database, resultIds: readonly string[]): Promise<void> {
  await sql`delete from open_deliveries where result_id = any(${resultIds}::uuid[])`.execute(db);
}

export async function renewLeases(
  db: Database,
  resultIds: readonly string[],
  lease: { owner: string; leaseMs: number },
): Promise<Renewal<string>> {
  // Skip rows that a poll has locked: taking locks in another order than a poll does can deadlock.
  const { rows } = await sql<{ postgres_ms: number; held: string[] }>`/* renew_leases */
    with renewed as (
      update open_deliveries set lease_until = now() + ${lease.leaseMs}::int * interval '1 ms'
      where result_id = any(array(
        select result_id from open_deliveries where result_id = any(${resultIds}::uuid[]) and lease_owner = ${lease.owner}
        for update skip locked
      ))
    )
    select extract(epoch from now())::float8 * 1000 as postgres_ms, array(
      select result_id::text from open_deliveries where result_id = any(${resultIds}::uuid[]) and lease_owner = ${lease.owner}
    ) as held`.execute(db);
  const [{ postgres_ms: postgresMs, held } = { postgres_ms: 0, held: [] }] = rows;
  return { held: new Set(held), postgresMs };
}

/** The delivery stays due, and its attempt is not counted. */
export async function releaseClaim(db: Database, resultId: string, owner: string): Promise<void> {
  await sql`update open_deliveries set lease_owner = null, lease_until = null, attempt_count = greatest(attempt_count - 1, 0)
    where result_id = ${resultId} and lease_owner = ${owner}`.execute(db);
}
