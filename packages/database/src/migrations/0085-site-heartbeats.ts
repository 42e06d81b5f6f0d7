import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table site_heartbeats (
      site_id text primary key references sites on delete cascade,
      received_at timestamptz not null,
      home_url text not null,
      report jsonb not null,
      -- A site with these keys under another home URL: a copy, which sends nothing until its owner decides what it is.
      copy_home_url text,
      copy_seen_at timestamptz,
      poke_at timestamptz,
      poked_at timestamptz,
      poke_outcome text,
      poke_failures integer not null default 0
    )`.execute(db);
  await sql`create index site_heartbeats_to_poke on site_heartbeats (poke_at) where poke_at is not null`.execute(db);
}
