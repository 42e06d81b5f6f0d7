import { type Kysely, sql } from 'kysely';

/**
 * Gives each result its place in the order of polls from a sequence. It was the id of its transaction: an id says nothing of when
 * a result was written, so any open transaction of the cluster kept later results from being shown. A transaction that inserts results holds
 * an advisory lock from before it takes a place until it has ended, keyed by the last place taken by then. So every place up to the
 * least of these keys is settled: `last_settled_place()`. Callbacks of the release before show no new results until they are replaced.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

/** The class of the advisory locks; in the code of this table's triggers and functions only. */
const LOCK_CLASS = 1_346_782_546;

const STATEMENTS = [
  'lock table results in access exclusive mode',
  // Beyond every transaction id: results that are there already keep their place before all new ones, and cursors stay valid.
  `do $$ begin
    execute format('create sequence result_places start %s', pg_current_xact_id()::text::bigint + 4294967296);
  end $$`,
  'grant usage, select on sequence result_places to public',
  "alter table results alter column commit_xid set default nextval('result_places')::text::xid8",
  `create function last_result_place() returns bigint language sql volatile as
    'select case when is_called then last_value else last_value - 1 end from result_places'`,
  // Once a statement, before its first row takes a place. Of the key, an advisory lock has room for the lower 32 bits.
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
  // A lock is given up after its transaction's rows have become visible. So a statement that begins after this function has ended
  // sees every row up to the place that it returned, and no such row can still come.
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
