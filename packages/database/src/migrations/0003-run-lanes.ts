import { type Kysely, sql } from 'kysely';

/** Lets runs be claimed by vendor and site, so one backlog delays no others. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  "alter table runs add column vendor text not null default ''",
  "create index runs_by_lane on runs (vendor, site_id, due_at) where status in ('pending', 'running', 'waiting')",
];
