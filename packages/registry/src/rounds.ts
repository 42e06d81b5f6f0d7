import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Begins a round of reconciling if the last one, of any process, began longer than `everyMs` ago; false if it did not. */
export async function beginRound(db: Database, everyMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update registry_rounds set begun_at = now() where begun_at < now() - ${everyMs}::int * interval '1 ms'`.execute(db);
  return numAffectedRows === 1n;
}
