import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a site that is alone may use three quarters of the places of a quick vendor, not only its share', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 300, times: 'always' }] });
  await world.start(`${vendorsYaml('max_concurrency: 8')}${SUMMARY}`, { SITE_CONCURRENCY: '2' });
  for (let count = 0; count < 30; count++) await world.send();
  const running = world.db.selectFrom('runs').select('run_id').where('status', '=', 'running');
  await waitFor(async () => (await running.execute()).length >= 6, { what: 'six calls of one site at once' });
  // The others wait no longer than until one of its quick calls ends.
  const quiet = await world.send({ siteId: 'quiet' });
  await world.result(quiet, 'summarize-post');
  const place = sql<{ before: number }>`
    select count(*)::integer as before from results
    where completed_at < (select completed_at from results where request_id = ${quiet})`;
  const before = (await place.execute(world.db)).rows[0]?.before ?? 0;
  assert.ok(before < 24, `${before} of 30 runs of the other site ended before`);
});

test('a new event does not overtake older ones that wait for a place', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 200, times: 'always' }] });
  await world.start(`${vendorsYaml('max_concurrency: 1')}${SUMMARY}`);
  const older = [await world.send(), await world.send(), await world.send()];
  await waitFor(async () => (await world.db.selectFrom('runs').select('run_id').execute()).length === 3, {
    what: 'the older runs',
  });
  const newer = [await world.send(), await world.send()];
  for (const request of [...older, ...newer]) await world.result(request, 'summarize-post');
  const finished = await world.db.selectFrom('runs').select('request_id').orderBy('finished_at').execute();
  assert.deepEqual(new Set(finished.slice(0, 3).map(({ request_id }) => request_id)), new Set(older));
});
