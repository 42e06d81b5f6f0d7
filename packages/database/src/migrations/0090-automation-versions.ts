import { type Kysely, sql } from 'kysely';

/** Pins a run to the definition that it began under. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table automation_versions (
    automation text not null,
    version text not null,
    definition jsonb not null,
    noted_at timestamptz not null default now(),
    primary key (automation, version)
  )`.execute(db);
  // 0070 adds automation_version to open and past runs.
}
