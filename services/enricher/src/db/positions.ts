import type { Database } from '@pressferry/database';
import type { Position } from '@pressferry/jetstream';
import { sql } from 'kysely';

/** A stream, and when it was made: one of the same name that was made later is another stream. */
export interface StreamIdentity {
  stream: string;
  createdAt: string;
}

/** Notes that Postgres holds every message of a stream up to a sequence. A position of the same stream never goes back. */
export async function notePosition(
  db: Database,
  { stream, createdAt }: StreamIdentity,
  sequence: number,
): Promise<void> {
  await sql`
    insert into intake_positions (stream, stream_created_at, sequence) values (${stream}, ${createdAt}, ${sequence})
    on conflict (stream) do update
      set stream_created_at = excluded.stream_created_at, sequence = excluded.sequence, updated_at = now()
      where intake_positions.stream_created_at <> excluded.stream_created_at
        or intake_positions.sequence < excluded.sequence
  `.execute(db);
}

/** How far Postgres holds a stream's messages; null if it holds none, or those of an earlier stream of the name. */
export async function readPosition(db: Database, { stream, createdAt }: StreamIdentity): Promise<Position | null> {
  const { rows } = await sql<{ sequence: string; updated_at: Date }>`
    select sequence, updated_at from intake_positions where stream = ${stream} and stream_created_at = ${createdAt}
  `.execute(db);
  const [row] = rows;
  return row === undefined ? null : { sequence: Number(row.sequence), notedAtMs: row.updated_at.getTime() };
}
