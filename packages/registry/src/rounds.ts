import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Begins a round unless one began, in any process, within `everyMs`; false if so. */
export async function beginRound(db: Database, everyMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update registry_rounds set begun_at = now() where begun_at < now() - ${everyMs}::int * interval '1 ms'`.execute(db);
  return numAffectedRows === 1n;
}
