import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPostgresNetwork, waitFor } from '@pressferry/testing';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';

test('a fail-over that ends no connection stops nothing for longer than a minute: events are taken, run and settled', async () => {
  await using postgres = await testPostgres();
  await using world = await startWorld(postgres);
  await using network = await startPostgresNetwork(world.databaseUrl);
  world.vendors.setBehaviours({ chat: [{}, { latencyMs: 1_000 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`, { DATABASE_URL: network.url });
  await world.result(await world.send(), 'summarize-post');
  const inFlight = await world.send();
  network.vanish();
  const later = await world.send();
  const results = async () => (await world.db.selectFrom('results').select('result_id').execute()).length;
  await waitFor(async () => (await results()) === 3, { what: 'the results', timeoutMs: 60_000 });
  for (const request of [inFlight, later])
    assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});
