import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { resumeDeliveries } from '../src/db/hold.ts';
import { createWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

test('a resumption of more than a batch goes on where the batch before it ends', async () => {
  const { siteId } = await world.site();
  const count = 10_500;
  await seedHeld(world, siteId, count);
  const resumed = [
    await resumeDeliveries(world.db, siteId, 60_000),
    await resumeDeliveries(world.db, siteId, 60_000),
    await resumeDeliveries(world.db, siteId, 60_000),
  ];
  assert.deepEqual(resumed, [10_000, 500, 0]);
  const { rows } = await sql<{ minutes: number; distinct: number }>`
    select extract(epoch from max(due_at) - min(due_at))::float8 / 60 as minutes,
      count(distinct date_trunc('minute', due_at))::integer as distinct
    from deliveries where site_id = ${siteId} and status = 'pending'`.execute(world.db);
  // The first of the first batch is due at once, so the second batch begins one place early.
  const { minutes = 0, distinct = 0 } = rows[0] ?? {};
  assert.ok(minutes > count - 3, `${minutes} minutes`);
  assert.ok(distinct > count - 3, `${distinct} places`);
});

/** Stores results of a site with a held delivery each, as enricher and intake do. */
async function seedHeld({ db }: World, siteId: string, count: number): Promise<void> {
  await sql`
    with event as (
      insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode,
        fingerprint, sealed_body)
      select date_trunc('milliseconds', now()), gen_random_uuid(), ${siteId}, gen_random_uuid(), 'post.published', '1', now(), now(), 'live', 'none', 'none'
      from generate_series(1, ${count}::integer)
      returning *
    ), run as (
      insert into past_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, status)
      select filed_at, gen_random_uuid(), request_id, site_id, idempotency_key, 'summarize', 'succeeded' from event
      returning *
    ), result as (
      insert into results (filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at)
      select filed_at, gen_random_uuid(), run_id, request_id, site_id, 'none', now() from run
      returning *
    )
    insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, completed_at, status)
    select filed_at, result_id, run_id, request_id, site_id, completed_at, 'held' from result
  `.execute(db);
}
