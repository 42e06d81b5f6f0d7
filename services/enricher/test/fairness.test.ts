import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const BACKLOG = 10_000;
const MOST_MS = 2_000;

test('a site with 10,000 open runs delays the single event of another by less than two seconds', async () => {
  await using world = await startWorld(postgres);
  // Calls of a second: the backlog would take an hour.
  world.vendors.setBehaviours({ chat: [{ latencyMs: 1_000, times: 'always' }] });
  await world.start(`${vendorsYaml('max_concurrency: 4')}${SUMMARY}`, { SITE_CONCURRENCY: '2' });
  for (let sent = 0; sent < BACKLOG; sent += 500)
    await Promise.all(Array.from({ length: 500 }, () => world.send({ siteId: 'noisy' })));
  await waitFor(
    async () => {
      const { count } = await world.db
        .selectFrom('runs')
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count) === BACKLOG;
    },
    { what: 'the backlog to be stored', timeoutMs: 120_000 },
  );
  const sentMs = performance.now();
  const request = await world.send({ siteId: 'quiet' });
  const result = await world.result(request, 'summarize-post');
  const tookMs = performance.now() - sentMs;
  assert.equal(result.status, 'succeeded');
  // Its own call takes one second of them.
  assert.ok(tookMs < 1_000 + MOST_MS, `it took ${Math.round(tookMs)} ms`);
});
