import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Seconds since the site that rotated longest ago did so; 0 without sites. */
export interface KeyAges {
  secret: number;
  key: number;
}

/** Counts the newest secret and key of each site that is not disabled. */
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
