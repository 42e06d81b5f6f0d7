import { requestId } from '@pressferry/contracts';
import type { Client } from 'pg';
import { readDeadLetters } from './faults/streams.ts';
import type { World } from './world.ts';

/** Says where events are that never arrived, as far as the product's own tables and dead letters tell; for people, not for the verdict. */
export async function diagnose(world: World, keys: readonly string[]): Promise<string[]> {
  const owner = await world.owner();
  try {
    const letters = (await readDeadLetters(world)).map((letter) => Buffer.from(letter));
    const lines: string[] = [];
    for (const key of keys) lines.push(await place(world, owner, letters, key));
    return lines;
  } finally {
    await owner.end();
  }
}

async function place(world: World, owner: Client, letters: readonly Buffer[], key: string): Promise<string> {
  const rows = async (sql: string): Promise<string> => {
    try {
      const found = await owner.query<{ text: string }>(sql, [key]);
      return found.rows.map(({ text }) => text).join(', ') || 'none';
    } catch (error) {
      return `unknown (${error instanceof Error ? error.message : error})`;
    }
  };
  const ids = world.sites.map(({ siteId }) => requestId(siteId, key));
  const letter = letters.find((one) => one.includes(key) || ids.some((id) => one.includes(id)));
  const event = await rows(`select 'stored' as text from events where idempotency_key = $1`);
  const runs = await rows(`select concat_ws(' ', status, failure_code) as text from runs where idempotency_key = $1`);
  const deliveries = await rows(
    `select concat_ws(' ', d.status, 'attempts', d.attempt_count, d.failure_code) as text
     from runs join results using (run_id) left join deliveries d using (result_id) where runs.idempotency_key = $1`,
  );
  const reason = letter === undefined ? 'none' : (/[a-z]+(?:_[a-z]+)+/.exec(letter.toString('latin1'))?.[0] ?? 'yes');
  return `${key}: event ${event}; run ${runs}; delivery ${deliveries}; dead letter ${reason}`;
}
