import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeEvent, runId } from '@pressferry/contracts';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { SEALING_KEYS, SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('an event that is sealed under a key that enricher was not given is held, and runs once the key is there', async () => {
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const without = await world.start(yaml, { SEALING_KEYS: `other:${Buffer.alloc(32, 1).toString('base64')}` });
  const request = await world.send();
  const complained = () => world.log.some((line) => line.includes('key_missing') && line.includes('"key_id":"k1"'));
  await waitFor(complained, { what: 'enricher to name the missing key' });
  await without[Symbol.asyncDispose]();
  await world.start(yaml, { SEALING_KEYS });
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  const rows = await world.db.selectFrom('events').select('request_id').execute();
  assert.deepEqual(rows, [{ request_id: request }]);
});

test('a step that cannot be worked on is tried again ever later, twenty times, none of which the vendor is blamed for; then its run is a dead letter', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 2 }] });
  const slow = vendorsYaml('').replaceAll(/(base|cap)_ms: \d+/g, '$1_ms: 100000');
  await world.start(`${slow}${SUMMARY}`);
  const [young, old] = [await world.send(), await world.send({ siteId: 'site-b' })];
  await waitFor(() => world.vendors.ledger().calls === 2, { what: 'the first attempts' });
  const attempts = () =>
    world.db.selectFrom('step_attempts').select(['attempt', 'failure_code']).orderBy('attempt').execute();
  await waitFor(async () => (await attempts()).length === 2, { what: 'them to be stored' });
  // A key of the same name that is another, say.
  const sealed_body = world.keyring.seal('{}', 'of another event');
  await world.db.updateTable('events').set({ sealed_body }).execute();
  const oldRun = runId(old, 'summarize-post');
  await world.db.updateTable('open_steps').set({ lost_count: 19 }).where('run_id', '=', oldRun).execute();
  await world.db.updateTable('open_runs').set({ due_at: new Date() }).execute();

  assert.deepEqual((await world.result(old, 'summarize-post')).error, { code: 'internal_error', step: 'summary' });
  const [letter] = await world.deadLetters(1);
  assert.deepEqual([letter?.runId, letter?.reason], [oldRun, 'internal_error']);
  assert.equal(Buffer.from(decodeEvent(letter?.message ?? new Uint8Array()).body).toString('latin1'), sealed_body);

  await waitFor(async () => (await attempts()).length === 4, { what: 'the other step to be tried' });
  const [step] = await world.db
    .selectFrom('open_steps')
    .innerJoin('open_runs', 'open_runs.run_id', 'open_steps.run_id')
    .select(['attempt_count', 'lost_count', 'due_at', 'request_id'])
    .execute();
  assert.deepEqual([step?.request_id, step?.attempt_count, step?.lost_count], [young, 2, 1]);
  assert.ok((step?.due_at.getTime() ?? 0) > Date.now() + 10_000);
  assert.equal(world.vendors.ledger().calls, 2);
});
