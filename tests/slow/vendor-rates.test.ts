import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { spawnEnricher } from '../../services/enricher/test/spawn.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { completion, startVendor } from '../reports/vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const PER_MINUTE = 60;
const TOKENS_PER_MINUTE = 40_000;
const EVENTS = 90;

test('two processes keep a vendor within requests and tokens a minute, in every minute, though they have more to do', {
  timeout: 240_000,
}, async () => {
  await using vendor = await startVendor(() => ({ body: completion('Fine.') }));
  await using world = await startWorld(postgres);
  const rate = `rate: { requests_per_minute: ${PER_MINUTE}, tokens_per_minute: ${TOKENS_PER_MINUTE}, concurrency: 3 }`;
  const yaml = `${vendorsYaml(rate.replace(/tokens.*?, /, ''))}${SUMMARY}`.replace(/rate: .*/, rate);
  const env = { LLM_BASE_URL: `${vendor.url}/v1` };
  await using one = await spawnEnricher(world, yaml, env);
  await using two = await spawnEnricher(world, yaml, env);
  await Promise.all(Array.from({ length: EVENTS }, (_, index) => world.send({ siteId: `site-${index % 10}` })));
  const results = () => world.db.selectFrom('results').select('result_id').execute();
  await waitFor(async () => (await results()).length === EVENTS, { what: 'all results', timeoutMs: 200_000 });
  assert.equal(vendor.calls.length, EVENTS);
  const counts = vendor.calls.map(
    ({ atMs }) => vendor.calls.filter((other) => other.atMs >= atMs && other.atMs < atMs + 60_000).length,
  );
  assert.ok(Math.max(...counts) <= PER_MINUTE, `${Math.max(...counts)} calls in a minute`);
  // The limit is used, too: a limit that stops all would pass the line above.
  assert.ok(Math.max(...counts) >= PER_MINUTE * 0.8, `${Math.max(...counts)} calls in a minute`);
  for (const { output } of [one, two]) assert.match(output(), /"step\.attempted"/);
});
