import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export async function readUnknownSites(db: Database, siteIds: readonly string[]): Promise<Set<string>> {
  if (siteIds.length === 0) return new Set();
  const { rows } = await sql<{ site_id: string }>`/* unknown_sites */
    select site_id from jsonb_array_elements_text(${JSON.stringify(siteIds)}::jsonb) as given (site_id)
    except select site_id from sites`.execute(db);
  return new Set(rows.map(({ site_id }) => site_id));
}
