import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { dayOf, makeDay, readDays } from '@pressferry/database';
import { sql } from 'kysely';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
});
after(() => world[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;

/** An attempt at a site on a day that long ago. */
async function attemptOf(daysAgo: number): Promise<string> {
  const day = dayOf(new Date(Date.now() - daysAgo * DAY_MS));
  await makeDay(world.db, day);
  await sql`insert into attempts (filed_at, result_id, attempt, started_at, duration_ms, outcome)
    values (${day}::timestamptz, ${randomUUID()}, 1, now(), 1, 'retry')`.execute(world.db);
  return day;
}

const run = async (...options: string[]) =>
  JSON.parse(await world.run(['retention', 'run', '--days', '30', '--json', ...options])) as Record<string, unknown>;

const attempts = async () =>
  (
    await sql<{
      day: string;
    }>`select (filed_at at time zone 'utc')::date::text as day from attempts order by 1`.execute(world.db)
  ).rows.map(({ day }) => day);

test('retention run counts in a dry run what it then drops or clears, and leaves the rest', async () => {
  const [dropped, cleared, kept] = [await attemptOf(40), await attemptOf(20), await attemptOf(5)];
  const dry = await run('--attempts-days', '10', '--dry-run');
  assert.deepEqual([dry.dropped_days, dry.cleared_tables, dry.dry_run], [1, 2, true]);
  assert.deepEqual(await attempts(), [dropped, cleared, kept]);

  const done = await run('--attempts-days', '10');
  assert.deepEqual([done.dropped_days, done.cleared_tables, done.busy_tables], [1, 1, 0]);
  assert.deepEqual(await attempts(), [kept]);
  assert.ok(
    (await readDays(world.db)).some(({ from }) => from.startsWith(cleared)),
    'a day went before its time',
  );

  const again = await run('--attempts-days', '10');
  assert.deepEqual([again.dropped_days, again.cleared_tables], [0, 0]);
});

test('retention run refuses an age that is no number of days, and says what to write', async () => {
  await assert.rejects(world.run(['retention', 'run', '--days', '3']), /write a whole number from 4/);
  await assert.rejects(
    world.run(['retention', 'run', '--days', '30', '--steps-days', '1.5']),
    /write a whole number of days/,
  );
});
