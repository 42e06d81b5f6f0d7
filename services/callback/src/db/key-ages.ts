import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** How long the site that rotated last has not done so, in seconds; 0 if there is none. */
export interface KeyAges {
  secret: number;
  key: number;
}

/** Of each site that is not disabled, its newest secret and key count: those before it are on their way out. */
export async function measureKeyAges(db: Database): Promise<KeyAges> {
  const { rows } = await sql<{ secret: number | null; key: number | null }>`
    select extract(epoch from now() - min(secret))::float8 as secret, extract(epoch from now() - min(key))::float8 as key
    from (
      select (select max(created_at) from site_secrets where site_secrets.site_id = sites.site_id) as secret,
        (select max(created_at) from site_keys where site_keys.site_id = sites.site_id) as key
      from sites where status <> 'disabled'
    ) newest`.execute(db);
  return { secret: rows[0]?.secret ?? 0, key: rows[0]?.key ?? 0 };
}
