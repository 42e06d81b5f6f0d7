import { type Kysely, sql } from 'kysely';

/** Deliveries that are written with less work, remember their replays, and are found missing. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // What restarts dead deliveries, each once, by the nonce of its message.
  'alter table deliveries add column replays text[]',
  // The code that erases results erases their deliveries and attempts too; a check for each row costs as much as the row.
  'alter table deliveries drop constraint deliveries_result_id_fkey',
  'alter table attempts drop constraint attempts_result_id_fkey',
  // Results without a delivery are looked for by their places, from where the last search ended.
  'create index results_by_place on results (commit_xid)',
  `create table delivery_sweep (
    only_row boolean primary key default true check (only_row),
    place xid8 not null
  )`,
  "insert into delivery_sweep (place) values ('0')",
  // As before, except for a call of a function for each row that does nothing.
  'drop trigger deliveries_terminal on deliveries',
  `create trigger deliveries_terminal before update on deliveries for each row
    when (old.status = 'acknowledged' and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('acknowledged')`,
  // No query reads by these; without them a claim rewrites nothing but its row.
  'drop index deliveries_by_site',
  'drop index deliveries_due',
  'alter table deliveries set (fillfactor = 85)',
];
