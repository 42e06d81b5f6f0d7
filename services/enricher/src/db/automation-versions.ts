import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface StoredVersion {
  automation: string;
  version: string;
  definition: unknown;
}

/** Notes that these versions are in use. Locks in one order, so replicas do not deadlock. */
export async function noteVersions(db: Database, versions: readonly StoredVersion[]): Promise<void> {
  await sql`
    insert into automation_versions (automation, version, definition)
    select automation, version, definition
    from jsonb_to_recordset(${JSON.stringify(versions)}::jsonb) as noted (automation text, version text, definition jsonb)
    order by automation, version
    on conflict (automation, version) do update set noted_at = now()
  `.execute(db);
}

export async function readVersion(db: Database, automation: string, version: string): Promise<unknown> {
  const row = await db
    .selectFrom('automation_versions')
    .select('definition')
    .where('automation', '=', automation)
    .where('version', '=', version)
    .executeTakeFirst();
  return row?.definition;
}
