import { type Kysely, sql } from 'kysely';

/** One-time tokens for enrolment, as hashes only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table enrolment_tokens (
      -- SHA-256 of the token, in hex.
      token_hash text primary key,
      -- The site that the token enrols anew; null for a new site.
      for_site_id text,
      labels jsonb not null default '{}',
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      used_at timestamptz,
      -- What it was used for: a repeat by the same key is answered again.
      site_id text,
      kid text
    )`.execute(db);
}
