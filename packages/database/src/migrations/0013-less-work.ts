import { type Kysely, sql } from 'kysely';

/** Removes what cost each event something and is not needed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Rows of one event are written by one statement, and removed together: a check for each row costs as much as the row.
  'alter table runs drop constraint runs_request_id_fkey',
  'alter table steps drop constraint steps_run_id_fkey',
  'alter table step_attempts drop constraint step_attempts_run_id_position_fkey',
  'alter table results drop constraint results_run_id_fkey',
  // As before, except for a call of a function for each row that does nothing.
  'drop trigger runs_terminal on runs',
  `create trigger runs_terminal before update on runs for each row
    when (old.status in ('succeeded', 'failed') and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('succeeded', 'failed')`,
  'drop trigger steps_terminal on steps',
  `create trigger steps_terminal before update on steps for each row
    when (old.status in ('succeeded', 'failed', 'skipped') and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('succeeded', 'failed', 'skipped')`,
  // A run's id follows from its event and its automation: the primary key says the same.
  'alter table runs drop constraint runs_site_id_idempotency_key_automation_key',
  // Room for the new version of a row on its page.
  'alter table runs set (fillfactor = 85)',
  'alter table steps set (fillfactor = 70)',
];
