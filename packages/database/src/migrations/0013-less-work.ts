import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // An event's rows are written and removed together: checking each costs as much as the row.
  'alter table runs drop constraint runs_request_id_fkey',
  'alter table steps drop constraint steps_run_id_fkey',
  'alter table step_attempts drop constraint step_attempts_run_id_position_fkey',
  'alter table results drop constraint results_run_id_fkey',
  // The same rule, without a function call for rows that do not end.
  'drop trigger runs_terminal on runs',
  `create trigger runs_terminal before update on runs for each row
    when (old.status in ('succeeded', 'failed') and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('succeeded', 'failed')`,
  'drop trigger steps_terminal on steps',
  `create trigger steps_terminal before update on steps for each row
    when (old.status in ('succeeded', 'failed', 'skipped') and new.status is distinct from old.status)
    execute function refuse_change_of_terminal_state('succeeded', 'failed', 'skipped')`,
  // The primary key already says this: a run's id is derived from its event and automation.
  'alter table runs drop constraint runs_site_id_idempotency_key_automation_key',
  'alter table runs set (fillfactor = 85)',
  'alter table steps set (fillfactor = 70)',
];
