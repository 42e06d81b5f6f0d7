import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { spawnEnricher } from './spawn.ts';
import { FORM, LEAD, SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('the process is ready, shows its metrics, and ends with code 0 at SIGTERM, its step in flight finished', async () => {
  await using world = await startWorld(postgres);
  await using spawned = await spawnEnricher(world, `${vendorsYaml()}${SUMMARY}`);
  const { child, exited, opsUrl, output } = spawned;
  await waitFor(async () => (await fetch(`${opsUrl}/readyz`)).ok, { what: 'readiness' });
  assert.equal((await fetch(`${opsUrl}/livez`)).status, 200);
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const read = async () => (await fetch(`${opsUrl}/metrics`)).text();
  // The event is counted once its message is acknowledged: its run may be done before.
  await waitFor(async () => (await read()).includes('events_total{outcome="stored"} 1'), {
    what: 'the event to count',
  });
  const metrics = await read();
  for (const line of [
    'pressferry_enricher_events_total{outcome="stored"} 1',
    'pressferry_enricher_runs_total{outcome="succeeded"} 1',
    'pressferry_enricher_steps_total{type="llm",outcome="succeeded"} 1',
    'pressferry_enricher_vendor_breaker_state{vendor="llm"} 0',
    'pressferry_enricher_database_up 1',
  ])
    assert.ok(metrics.includes(line), line);

  world.vendors.setBehaviours({ chat: [{ latencyMs: 700 }] });
  const last = await world.send();
  await waitFor(() => world.db.selectFrom('runs').select('run_id').where('status', '=', 'running').executeTakeFirst(), {
    what: 'a step in flight',
  });
  child.kill('SIGTERM');
  assert.equal(await exited, 0, output());
  assert.equal((await world.result(last, 'summarize-post')).status, 'succeeded');
  const open = await world.db.selectFrom('results').select('result_id').where('published_at', 'is', null).execute();
  assert.deepEqual(open, []);
});

test('a process killed in the middle of a step loses nothing: another finishes its runs, one effect a step', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ idempotent: true, contacts: [{ hang: true, effect: true }] });
  await using first = await spawnEnricher(world, `${vendorsYaml()}${LEAD}`);
  const request = await world.send(FORM);
  await waitFor(() => world.vendors.ledger({ endpoint: 'contacts' }).calls === 1, { what: 'the second step' });
  first.child.kill('SIGKILL');
  await first.exited;
  await world.db.updateTable('open_runs').set({ lease_until: new Date() }).execute();
  await using second = await spawnEnricher(world, `${vendorsYaml()}${LEAD}`);
  assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');
  assert.equal(world.vendors.ledger({ endpoint: 'chat' }).calls, 1);
  assert.equal(world.vendors.ledger().keysWithRepeatedEffects, 0);
  second.child.kill('SIGTERM');
  assert.equal(await second.exited, 0);
});

test('faulty automations end the process with code 78 and a list of the faults', async () => {
  await using world = await startWorld(postgres);
  await using spawned = await spawnEnricher(world, `${vendorsYaml()}${SUMMARY.replace('prompt', 'promt')}`);
  const { exited, output } = spawned;
  assert.equal(await exited, 78);
  assert.match(output(), /automations\[0\]\.steps\[0\]\.prompt: Invalid input/);
  assert.match(output(), /automations\[0\]\.steps\[0\]: Unrecognized key: "promt"/);
});
