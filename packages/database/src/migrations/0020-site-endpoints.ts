import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table site_endpoints (
    site_id text primary key,
    -- What is known is known of this URL; another one begins anew.
    callback_url text not null,
    -- Null while it has never acknowledged.
    last_success_at timestamptz,
    straight_failures integer not null default 0,
    -- While it is only probed: the pause between probes, and when the next one may begin.
    probe_pause_ms integer,
    next_probe_at timestamptz,
    -- The first of the 410s without a signature that no acknowledgement has followed.
    gone_since timestamptz,
    updated_at timestamptz not null default now()
  ) with (fillfactor = 70)`,
];
