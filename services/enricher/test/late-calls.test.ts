import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readBudgets, setBudget } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { spawnEnricher } from './spawn.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** Preloaded: the process stops itself, once, between the reservation of a call's cost and the call. */
const STOPS = `data:text/javascript,${encodeURIComponent(`
  import { subscribe, unsubscribe } from 'node:diagnostics_channel';
  const stop = () => {
    unsubscribe('pressferry:call.reserved', stop);
    process.kill(process.pid, 'SIGSTOP');
  };
  subscribe('pressferry:call.reserved', stop);
`)}`;

test('a process that is stopped for longer than its lease right before a call does not make it, because another made it meanwhile', async () => {
  await using world = await startWorld(postgres);
  await setBudget(world.db, {
    ...{ scope: 'all', name: '', period: 'day', capMicros: null, capTokens: 1_000_000, onExhausted: 'hold' },
  });
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  await using stopped = await spawnEnricher(world, yaml, { LEASE_MS: '1000', WORKER_POLL_MS: '50' }, [
    '--import',
    STOPS,
  ]);
  const request = await world.send();
  const reserved = async () => (await readBudgets(world.db)).some(({ reservedTokens }) => reservedTokens > 0);
  await waitFor(reserved, { what: 'the call to be about to leave' });
  await world.start(yaml, { LEASE_MS: '1000' });
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  stopped.child.kill('SIGCONT');
  await waitFor(() => stopped.output().includes('"outcome":"superseded"'), { what: 'the late worker to give way' });
  assert.equal(world.vendors.ledger().calls, 1);
  // What was not called costs nothing.
  await waitFor(async () => !(await reserved()), { what: 'the reservation to be taken back' });
});
