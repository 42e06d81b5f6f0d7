import type { Database } from '@pressferry/database';
import type { Position } from '@pressferry/jetstream';
import { sql } from 'kysely';

/** A stream of the same name that was made later is another stream. */
export interface StreamIdentity {
  stream: string;
  createdAt: string;
}

/** One life of a Postgres server: a fail-over leads to another, which may lack the last commits. */
export type ServerLife = string;

const LIFE = sql`extract(epoch from pg_postmaster_start_time())::text`;

export async function readServerLife(db: Database): Promise<ServerLife> {
  const { rows } = await sql<{ life: ServerLife }>`select ${LIFE} as life`.execute(db);
  return rows[0]?.life ?? '';
}

/** `known`: what this server held in this life. */
export interface NewPosition {
  life: ServerLife;
  known: number;
  sequence: number;
}

/**
 * Notes that Postgres holds a stream up to `sequence`; a position of the same stream never goes back. False if Postgres
 * may no longer hold `known`, because it was restored from a backup or is another server.
 */
export async function notePosition(
  db: Database,
  { stream, createdAt }: StreamIdentity,
  { life, known, sequence }: NewPosition,
): Promise<boolean> {
  const { rows } = await sql<{ is_known: boolean }>`
    with known as (
      select ${LIFE} = ${life} and (${known}::bigint = 0 or exists (
        select from intake_positions
        where stream = ${stream} and stream_created_at = ${createdAt} and sequence >= ${known}::bigint
      )) as is_known
    ), noted as (
      insert into intake_positions (stream, stream_created_at, sequence)
      select ${stream}, ${createdAt}, ${sequence}::bigint from known where is_known
      on conflict (stream) do update
        set stream_created_at = excluded.stream_created_at, sequence = excluded.sequence, updated_at = now()
        where intake_positions.stream_created_at <> excluded.stream_created_at
          or intake_positions.sequence < excluded.sequence
    )
    select is_known from known`.execute(db);
  return rows[0]?.is_known === true;
}

/** True if each of these events is stored or was erased. */
export async function holdsEvents(db: Database, requestIds: readonly string[]): Promise<boolean> {
  const { rows } = await sql`
    select from unnest(${requestIds}::uuid[]) as input (request_id)
    where not exists (select from event_keys where event_keys.request_id = input.request_id)
      and not exists (select from erased_events where erased_events.request_id = input.request_id)
    limit 1`.execute(db);
  return rows.length === 0;
}

/** Null if Postgres holds none, or those of an earlier stream of the name. */
export async function readPosition(db: Database, { stream, createdAt }: StreamIdentity): Promise<Position | null> {
  const { rows } = await sql<{ sequence: string; updated_at: Date }>`
    select sequence, updated_at from intake_positions where stream = ${stream} and stream_created_at = ${createdAt}
  `.execute(db);
  const [row] = rows;
  return row === undefined ? null : { sequence: Number(row.sequence), notedAtMs: row.updated_at.getTime() };
}
