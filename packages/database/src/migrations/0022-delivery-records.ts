import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Nonces of the messages that restarted the delivery; each works once.
  'alter table deliveries add column replays text[]',
  // Erasing results erases their deliveries and attempts too: checking each row costs as much as the row.
  'alter table deliveries drop constraint deliveries_result_id_fkey',
  'alter table attempts drop constraint attempts_result_id_fkey',
  // For the search for results without a delivery.
  'create index results_by_place on results (commit_xid)',
  `create table delivery_sweep (
    only_row boolean primary key default true check (only_row),
    place xid8 not null
  )`,
  "insert into delivery_sweep (place) values ('0')",
  // The same rule, without a function call for rows that do not end.
  'drop trigger deliveries_terminal on deliveries',
  `create trigger deliveries_terminal before update on deliveries for each row
    when (old.status = 'acknowledged' and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('acknowledged')`,
  // No query uses them; without them a claim updates no index.
  'drop index deliveries_by_site',
  'drop index deliveries_due',
  'alter table deliveries set (fillfactor = 85)',
];
