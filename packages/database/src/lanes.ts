import { type RawBuilder, sql } from 'kysely';

export interface LaneRows {
  table: 'open_runs' | 'open_deliveries';
  /** As the index of the table's lanes has it, before `site_id` and `due_at`. */
  where: RawBuilder<unknown>;
  /** The site behind which to begin; '' before all. */
  after: string;
  /** Of known lanes behind that one, from which due time to read, as Postgres writes it. */
  from: ReadonlyMap<string, string>;
}

/**
 * CTEs for `with recursive`; the last, `lane (site_id, due_at)`, has each lane's first due row. Reads known lanes from
 * their floors, and walks the index from site to site between them, so it reads no backlog; but where no lane is known, it
 * passes all finished rows that an old transaction keeps Postgres from removing. Pairs are compared, because only that
 * index has their order.
 */
export function dueLanes({ table, where, after, from }: LaneRows): RawBuilder<unknown> {
  const rows = sql`select site_id, due_at from ${sql.table(table)} where ${where}`;
  const firstBehind = (lane: 'known' | 'other'): RawBuilder<unknown> => {
    const [siteId, nextKnown] = [sql.ref(`${lane}.site_id`), sql.ref(`${lane}.next_known`)];
    return sql`(
        ${rows} and site_id > ${siteId} and site_id < ${nextKnown} order by site_id, due_at limit 1
      ) union all (
        ${rows} and ${nextKnown} is null and site_id > ${siteId} order by site_id, due_at limit 1
      )`;
  };
  return sql`known as materialized (
      select site_id, floor, lead(site_id) over (order by site_id) as next_known
      from unnest(${[after, ...from.keys()]}::text[], ${['infinity', ...from.values()]}::timestamptz[]) as known (site_id, floor)
    ), other as (
      select first.*, known.next_known from known cross join lateral (${firstBehind('known')}) as first
      union all
      select next.*, other.next_known from other cross join lateral (${firstBehind('other')}) as next
    ), lane as (
      select site_id, due_at from other where due_at <= now()
      union all
      select first.* from known cross join lateral (
        ${rows} and (site_id, due_at) >= (known.site_id, known.floor) and (site_id, due_at) <= (known.site_id, now())
        order by site_id, due_at limit 1
      ) as first
    )`;
}
