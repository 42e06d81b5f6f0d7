import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import { decodeResult, runId } from '@pressferry/contracts';
import type { TestPostgres } from '@pressferry/testing';
import { waitFor } from '@pressferry/testing';
import { FORM, LEAD, SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('an event becomes a run, a stored result and a message on RESULTS', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await world.send({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });

  const result = await world.result(request, 'summarize-post');
  assert.equal(result.status, 'succeeded');
  assert.match(String(result.output.summary), /^\[simulated\] Summary of/);

  const consumer = await jetstream(world.connection.nats).consumers.get('RESULTS');
  const message = await consumer.next({ expires: 5_000 });
  assert.equal(message?.subject, 'pf.result.0.site-a');
  assert.equal(decodeResult(message?.data ?? new Uint8Array()).resultId, result.result_id);
  assert.match(message?.headers?.get('traceparent') ?? '', /^00-0af7651916cd43dd8448eb211c80319c-/);
  assert.equal(message?.headers?.get('Nats-Msg-Id'), result.result_id);
  await waitFor(
    () =>
      world.db.selectFrom('results').select('published_at').where('published_at', 'is not', null).executeTakeFirst(),
    { what: 'the result to be marked as published' },
  );
});

test("a site's test event is answered whatever the automations are, and no vendor is called", async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const data = { plugin_version: '0.2.0', wordpress_version: '6.8' };
  const request = await world.send({ type: 'pressferry.test', objectRef: 'test', data });
  const result = await world.result(request, 'pressferry.test');
  assert.deepEqual([result.status, result.output], ['succeeded', { answered: true, plugin_version: '0.2.0' }]);
  assert.deepEqual(world.vendors.ledger().entries, []);
});

test("events of a type of one's own run their automations once a folder of EVENT_TYPES_DIRS has it", async () => {
  await using world = await startWorld(postgres);
  await using folders = new AsyncDisposableStack();
  const types = await mkdtemp(join(tmpdir(), 'pressferry-types-'));
  folders.defer(() => rm(types, { recursive: true }));
  await writeFile(join(types, 'booking.made.json'), '{ "type": "object" }');
  const yaml = `${vendorsYaml()}
automations:
  - name: booked
    on: [booking.made]
    steps: [{ name: one, type: transform, value: { room: { $value: event.data.room } } }]
    result: { room: '{{ steps.one.output.room }}' }
`;
  await assert.rejects(world.start(yaml), /on\[0\]: no event type is named "booking\.made"/);
  await world.start(yaml, { EVENT_TYPES_DIRS: types });
  const request = await world.send({ type: 'booking.made', data: { room: 'Sea view' } });
  assert.deepEqual((await world.result(request, 'booked')).output, { room: 'Sea view' });
});

test('every vendor call carries the trace of its event and its own key that all attempts share', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ contacts: [{ status: 503 }] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const request = await world.send({ ...FORM, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
  const result = await world.result(request, 'lead-to-crm');
  assert.equal(result.output.is_new, true);

  const { entries } = world.vendors.ledger();
  assert.deepEqual(
    entries.map(({ endpoint, idempotencyKey }) => [endpoint, idempotencyKey]),
    [
      ['chat', `${runId(request, 'lead-to-crm')}:score`],
      ['contacts', `${runId(request, 'lead-to-crm')}:contact`],
      ['contacts', `${runId(request, 'lead-to-crm')}:contact`],
    ],
  );
  for (const { traceparent } of entries) assert.match(traceparent ?? '', /^00-0af7651916cd43dd8448eb211c80319c-/);
});

test('a vendor that answers 500 three times and then 200 gives one result, and four attempts are stored', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 3 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await world.send();
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');

  const attempts = await world.db.selectFrom('step_attempts').selectAll().orderBy('attempt').execute();
  assert.deepEqual(
    attempts.map(({ attempt, outcome, status_code, failure_code }) => [attempt, outcome, status_code, failure_code]),
    [
      [1, 'retry', 500, 'vendor_unavailable'],
      [2, 'retry', 500, 'vendor_unavailable'],
      [3, 'retry', 500, 'vendor_unavailable'],
      [4, 'succeeded', 200, null],
    ],
  );
  assert.equal((await world.db.selectFrom('results').select('result_id').execute()).length, 1);
  assert.equal(world.vendors.ledger().effects, 1);
});
