import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Changes when a site was added, changed or removed. */
export async function readSitesState(db: Database): Promise<string> {
  const { rows } = await sql<{ state: string }>`/* sites_state */
    select count(*) || ' ' || coalesce(max(updated_at)::text, '') as state from sites`.execute(db);
  return rows[0]?.state ?? '';
}

export async function readSiteLabels(db: Database): Promise<Map<string, Record<string, string>>> {
  const { rows } = await sql<{ site_id: string; labels: Record<string, string> }>`
    select site_id, labels from sites where labels <> '{}'`.execute(db);
  return new Map(rows.map(({ site_id, labels }) => [site_id, labels]));
}
