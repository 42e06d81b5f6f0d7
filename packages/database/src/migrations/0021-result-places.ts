import { type Kysely, sql } from 'kysely';

/**
 * A result's place comes from a sequence, because with transaction ids any open transaction of the cluster hid later
 * results. A transaction that inserts results holds, from before its first place until its end, an advisory lock keyed
 * by the last place taken. So every place up to the least key is settled: `last_settled_place()`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

/** The advisory locks' class, used only by this table's triggers and functions. */
const LOCK_CLASS = 1_346_782_546;

const STATEMENTS = [
  'lock table results in access exclusive mode',
  // Beyond every transaction id, so existing results stay first and cursors stay valid.
  `do $$ begin
    execute format('create sequence result_places start %s', pg_current_xact_id()::text::bigint + 4294967296);
  end $$`,
  'grant usage, select on sequence result_places to public',
  "alter table results alter column commit_xid set default nextval('result_places')::text::xid8",
  `create function last_result_place() returns bigint language sql volatile as
    'select case when is_called then last_value else last_value - 1 end from result_places'`,
  // Once per statement, before its first row takes a place. An advisory lock's key holds the lower 32 bits.
  `create function note_result_writer() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, (last_result_place() & 4294967295)::bit(32)::integer);
    return null;
  end $$`,
  `create trigger results_placed before insert on results
    for each statement execute function note_result_writer()`,
  `create function result_writers() returns table (pid integer, key bigint) language sql volatile as $$
    select pid, objid::bigint from pg_locks
    where locktype = 'advisory' and classid = ${LOCK_CLASS} and objsubid = 2
      and database = (select oid from pg_database where datname = current_database())
  $$`,
  // A lock is released after its rows became visible. So a statement that begins after this function sees every row up
  // to the returned place, and none can still come.
  `create function last_settled_place() returns bigint language plpgsql volatile as $$
  declare
    taken bigint := last_result_place();
    settled bigint;
  begin
    select min(taken - behind) into settled from (
      select (taken - key) & 4294967295 as behind from result_writers()
    ) writers
    -- A writer that came after \`taken\` was read has a greater key: it looks as if it were far behind.
    where behind < 2147483648;
    return coalesce(settled, taken);
  end $$`,
];
