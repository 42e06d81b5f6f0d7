import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface Queue {
  due: number;
  held: number;
  oldestDueAgeSeconds: number;
}

/** The same for every replica. */
export async function measureQueue(db: Database): Promise<Queue> {
  const { rows } = await sql<{ due: number; held: number; age: number | null }>`
    select due, age, (select count(*)::int from open_deliveries where status = 'held') as held
    from (
      select count(*)::int as due, extract(epoch from now() - min(due_at))::float8 as age
      from open_deliveries where status = 'pending' and due_at <= now()
    ) waiting`.execute(db);
  const [row] = rows;
  return { due: row?.due ?? 0, held: row?.held ?? 0, oldestDueAgeSeconds: row?.age ?? 0 };
}
