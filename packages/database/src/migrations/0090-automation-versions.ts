import { type Kysely, sql } from 'kysely';

/** Pins a run to the definition of its automation that it began under, however the files change meanwhile. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table automation_versions (
    automation text not null,
    version text not null,
    definition jsonb not null,
    noted_at timestamptz not null default now(),
    primary key (automation, version)
  )`.execute(db);
  // The column automation_version of open and past runs is made by 0070.
}
