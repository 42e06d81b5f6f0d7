import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** With its remaining time in ms, because replicas' clocks differ. */
export interface SharedBlock {
  vendor: string;
  cause: 'limited' | 'denied';
  forMs: number;
}

/** For all replicas; of two blocks of one vendor the longer one stays. */
export async function noteBlocks(db: Database, blocks: readonly SharedBlock[]): Promise<void> {
  const rows = blocks.map(({ vendor, cause, forMs }) => ({ vendor, cause, for_ms: Math.ceil(forMs) }));
  await sql`
    insert into vendor_blocks (vendor, cause, blocked_until)
    select vendor, cause, now() + for_ms * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as block (vendor text, cause text, for_ms bigint)
    on conflict (vendor) do update set noted_at = now(), cause = excluded.cause,
      blocked_until = greatest(vendor_blocks.blocked_until, excluded.blocked_until)
  `.execute(db);
}

export async function readBlocks(db: Database): Promise<SharedBlock[]> {
  const { rows } = await sql<SharedBlock>`
    select vendor, cause, (extract(epoch from blocked_until - now()) * 1000)::float8 as "forMs"
    from vendor_blocks where blocked_until > now()
  `.execute(db);
  return rows;
}

/** These vendors take our credential again. */
export async function clearBlocks(db: Database, vendors: readonly string[]): Promise<void> {
  await db.deleteFrom('vendor_blocks').where('vendor', 'in', vendors).execute();
}
