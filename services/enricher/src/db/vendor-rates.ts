import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** A call that counts against its vendor's limits. */
export interface NewPermit {
  permitId: string;
  tokens: number;
}

export interface RateRow {
  requests: number;
  tokens: number;
  inFlight: number;
  nextInMs: number;
  firstEndsInMs: number | null;
}

/**
 * Locks a vendor's row until the transaction ends, before any permit. A call counts from its permit until `windowMs`
 * after its end, so no window at the vendor holds more calls than allowed, however long they took to reach it.
 */
export async function lockRate(tx: Database, vendor: string, windowMs: number): Promise<RateRow> {
  const lock = sql`/* lock_vendor_rate */ select from vendor_rates where vendor = ${vendor} for update`;
  if ((await lock.execute(tx)).rows.length === 0) {
    await sql`insert into vendor_rates (vendor) values (${vendor}) on conflict do nothing`.execute(tx);
    await lock.execute(tx);
  }
  // `clock_timestamp()`, because the transaction may have waited for the lock.
  const { rows } = await sql<RateRow>`/* read_vendor_rate */
    with clock as materialized (
      select clock_timestamp() as at
    ), gone as (
      delete from vendor_permits using clock where vendor = ${vendor} and counts_until <= clock.at
      returning tokens, is_in_flight
    ), lost as (
      update vendor_permits set is_in_flight = false from clock
      where vendor = ${vendor} and is_in_flight and counts_until > clock.at
        and counts_until <= clock.at + ${windowMs}::float8 * interval '1 millisecond'
      returning permit_id
    ), ended as (
      select (select count(*) from gone) as requests, (select coalesce(sum(tokens), 0) from gone) as tokens,
        (select count(*) from gone where is_in_flight) + (select count(*) from lost) as in_flight
    )
    update vendor_rates set requests = vendor_rates.requests - ended.requests, tokens = vendor_rates.tokens - ended.tokens,
      in_flight = vendor_rates.in_flight - ended.in_flight
    from ended, clock where vendor = ${vendor}
    returning vendor_rates.requests::float8, vendor_rates.tokens::float8, vendor_rates.in_flight::float8 as "inFlight",
      greatest(extract(epoch from next_at - clock.at) * 1000, -1e9)::float8 as "nextInMs",
      (select extract(epoch from min(counts_until) - clock.at) * 1000 from vendor_permits
        where vendor = ${vendor} and counts_until > clock.at)::float8 as "firstEndsInMs"
  `.execute(tx);
  const [row] = rows;
  if (row === undefined) throw new Error('the row of a vendor that was locked is gone');
  return row;
}

/** Counts calls for at most `maxMs`, and sets when the next may begin. Lock the vendor first. */
export async function grantPermits(
  tx: Database,
  {
    vendor,
    permits,
    maxMs,
    nextInMs,
  }: { vendor: string; permits: readonly NewPermit[]; maxMs: number; nextInMs: number },
): Promise<void> {
  const tokens = permits.reduce((sum, permit) => sum + permit.tokens, 0);
  await sql`/* grant_vendor_permits */
    with granted as (
      insert into vendor_permits (permit_id, vendor, tokens, counts_until)
      select permit_id, ${vendor}, tokens, clock_timestamp() + ${maxMs}::float8 * interval '1 millisecond'
      from unnest(${permits.map(({ permitId }) => permitId)}::uuid[], ${permits.map((permit) => permit.tokens)}::bigint[])
        as permit (permit_id, tokens)
    )
    update vendor_rates set requests = requests + ${permits.length}::bigint, tokens = tokens + ${tokens}::bigint,
      in_flight = in_flight + ${permits.length}::bigint,
      next_at = clock_timestamp() + ${nextInMs}::float8 * interval '1 millisecond'
    where vendor = ${vendor}
  `.execute(tx);
}

/** Changes a call's tokens, and moves when the next may begin. Lock the vendor first. */
export async function changePermit(
  tx: Database,
  { vendor, permitId, tokens, moreMs }: { vendor: string; permitId: string; tokens: number; moreMs: number },
): Promise<void> {
  await sql`/* change_vendor_permit */
    with held as (
      select permit_id, tokens from vendor_permits where permit_id = ${permitId}::uuid
    ), changed as (
      update vendor_permits set tokens = ${tokens}::bigint from held where vendor_permits.permit_id = held.permit_id
    )
    update vendor_rates set tokens = vendor_rates.tokens + ${tokens}::bigint - held.tokens,
      next_at = next_at + ${moreMs}::float8 * interval '1 millisecond'
    from held where vendor = ${vendor}
  `.execute(tx);
}

/** In how many ms `tokens` of the counted ones expire; null if fewer count. Lock the vendor first. */
export async function tokensEndInMs(tx: Database, vendor: string, tokens: number): Promise<number | null> {
  const { rows } = await sql<{ ms: number }>`/* vendor_tokens_end */
    select (extract(epoch from counts_until - clock_timestamp()) * 1000)::float8 as ms from (
      select counts_until, sum(tokens) over (order by counts_until, permit_id) as freed from vendor_permits where vendor = ${vendor}
    ) as permit where freed >= ${tokens}::bigint order by counts_until limit 1
  `.execute(tx);
  return rows[0]?.ms ?? null;
}

/** No call begins for `ms`. Lock the vendor first. */
export async function waitAtLeast(tx: Database, vendor: string, ms: number): Promise<void> {
  await sql`/* wait_vendor_rate */
    update vendor_rates set next_at = greatest(next_at, clock_timestamp() + ${ms}::float8 * interval '1 millisecond') where vendor = ${vendor}
  `.execute(tx);
}

/**
 * A call that was made counts for `windowMs` more, with its actual tokens if known; one that was not made stops
 * counting. `backMs` returns so much of the pace.
 */
export async function endPermit(
  db: Database,
  ended: { vendor: string; permitId: string; isMade: boolean; tokens: number | null; backMs: number; windowMs: number },
): Promise<void> {
  const { vendor, permitId, isMade, tokens, backMs, windowMs } = ended;
  await sql`/* end_vendor_permit */
    with rate as materialized (
      select vendor from vendor_rates where vendor = ${vendor} for update
    ), held as (
      select permit.permit_id, permit.tokens, permit.is_in_flight from vendor_permits as permit join rate using (vendor)
      where permit_id = ${permitId}::uuid for update of permit
    ), kept as (
      update vendor_permits set is_in_flight = false, tokens = coalesce(${tokens}::bigint, held.tokens),
        counts_until = clock_timestamp() + ${windowMs}::float8 * interval '1 millisecond'
      from held where ${isMade}::boolean and vendor_permits.permit_id = held.permit_id
      returning vendor_permits.permit_id, vendor_permits.tokens
    ), gone as (
      delete from vendor_permits using held where not ${isMade}::boolean and vendor_permits.permit_id = held.permit_id
    )
    update vendor_rates set in_flight = in_flight - held.is_in_flight::int,
      requests = requests - (not ${isMade}::boolean)::int,
      tokens = vendor_rates.tokens - held.tokens + coalesce(kept.tokens, 0),
      next_at = next_at - ${backMs}::float8 * interval '1 millisecond'
    from held left join kept using (permit_id) where vendor_rates.vendor = ${vendor}
  `.execute(db);
}
