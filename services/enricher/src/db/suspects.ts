import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Notes that a worker begins a suspect message; returns how many workers began before and died. */
export async function beginSuspect(db: Database, digest: string): Promise<number> {
  const { rows } = await sql<{ earlier: number }>`
    with forgotten as (
      delete from intake_suspects where begun_at < now() - interval '30 days' and digest <> ${digest}
    )
    insert into intake_suspects (digest) values (${digest})
    on conflict (digest) do update set begun = intake_suspects.begun + 1, begun_at = now()
    returning begun - 1 as earlier
  `.execute(db);
  return rows[0]?.earlier ?? 0;
}

export async function endSuspect(db: Database, digest: string): Promise<void> {
  await db.deleteFrom('intake_suspects').where('digest', '=', digest).execute();
}
