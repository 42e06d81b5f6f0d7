import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { runId } from '@pressferry/contracts';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { FORM, LEAD, SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a run whose worker died goes on after its last finished step, and each step has one effect', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ idempotent: true, contacts: [{ hang: true, effect: true, times: 'always' }] });
  const first = await world.start(`${vendorsYaml()}${LEAD}`, { SHUTDOWN_GRACE_MS: '2100' });
  const request = await world.send(FORM);
  await waitFor(() => world.vendors.ledger({ endpoint: 'contacts' }).calls === 1, { what: 'step score to succeed' });
  // What a kill leaves behind: a lease of no one, and an effect at the vendor that no one heard of.
  await world.db.updateTable('open_runs').set({ lease_owner: 'a worker that is gone' }).execute();
  await first[Symbol.asyncDispose]();
  await world.db.updateTable('open_runs').set({ lease_until: new Date() }).execute();
  assert.equal((await world.db.selectFrom('results').selectAll().execute()).length, 0);

  world.vendors.setBehaviours({ contacts: [] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const result = await world.result(request, 'lead-to-crm');
  assert.equal(result.status, 'succeeded');
  assert.equal(world.vendors.ledger({ endpoint: 'chat' }).calls, 1);
  assert.equal(world.vendors.ledger({ endpoint: 'contacts' }).effects, 1);
  assert.equal(world.vendors.ledger().keysWithRepeatedEffects, 0);
  const attempts = await world.db.selectFrom('step_attempts').selectAll().where('position', '=', 1).execute();
  assert.deepEqual(
    attempts.map(({ outcome, failure_code }) => [outcome, failure_code]),
    [
      ['retry', 'worker_lost'],
      ['succeeded', null],
    ],
  );
});

test('a redelivered event makes no second run', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const key = randomUUID();
  const request = await world.send({ key });
  await world.result(request, 'summarize-post');
  await world.send({ key });
  await waitFor(() => world.log.some((line) => line.includes('"outcome":"duplicate"')), { what: 'the repeat' });
  assert.equal((await world.db.selectFrom('runs').select('run_id').execute()).length, 1);
  assert.equal(world.vendors.ledger().calls, 1);
});

test('the same key with another body is kept as a dead letter and not applied', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const key = randomUUID();
  const request = await world.send({ key });
  await world.result(request, 'summarize-post');
  await world.send({ key, data: { title: 'Something else' } });
  const [letter] = await world.deadLetters(1);
  assert.equal(letter?.reason, 'idempotency_conflict');
  assert.equal(letter?.requestId, request);
  assert.equal(world.vendors.ledger().calls, 1);
});

test('a message that is not an event is kept as a dead letter', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  world.connection.nats.publish('pf.event.0.site-a.post.published', 'no protobuf');
  const [letter] = await world.deadLetters(1);
  assert.equal(letter?.reason, 'event_undecodable');
  assert.equal(letter?.siteId, 'site-a');
  assert.equal(Buffer.from(letter?.message ?? []).toString(), 'no protobuf');
});

test('events accepted while Postgres is down are all run once it is back, and a step in flight is not done twice', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 1_500 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const inFlight = await world.send();
  await waitFor(() => world.db.selectFrom('runs').select('run_id').where('status', '=', 'running').executeTakeFirst(), {
    what: 'a step in flight',
  });
  await postgres.server.kill();
  const requests = [inFlight];
  for (let count = 0; count < 20; count++) requests.push(await world.send({ siteId: `site-${count % 3}` }));
  // The step in flight ends during the outage.
  await waitFor(() => world.vendors.ledger().effects === 1, { what: 'the call to end' });
  await postgres.server.restart();
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(world.vendors.ledger().effects, 21);
  assert.equal(world.vendors.ledger().keysWithRepeatedEffects, 0);
});

test('a vendor that hangs does not delay the runs of another vendor, not even for the same site', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ contacts: [{ hang: true, times: 'always' }] });
  await world.start(`${vendorsYaml('timeout_ms: 600000')}${SUMMARY}${ORDER}`, { SHUTDOWN_GRACE_MS: '2100' });
  for (let count = 0; count < 50; count++) await world.send({ type: 'order.paid', data: { order_id: count } });
  await waitFor(() => world.vendors.ledger({ endpoint: 'contacts' }).calls >= 4, { what: 'calls that hang' });
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const ended = await world.db.selectFrom('step_attempts').select('run_id').where('position', '=', 0).execute();
  assert.deepEqual(ended, [], 'no call that hangs has ended meanwhile');
});

const ORDER = `
  - name: order-to-crm
    on: [order.paid]
    steps:
      - name: contact
        type: http
        vendor: crm
        path: /crm/v3/objects/contacts/batch/upsert
        body: { inputs: [{ id: 'ada@example.com', idProperty: email, properties: {} }] }
`;

test('a noisy site does not delay another site at the same vendor', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 200, times: 'always' }] });
  await world.start(`${vendorsYaml('max_concurrency: 4')}${SUMMARY}`, { SITE_CONCURRENCY: '3' });
  for (let count = 0; count < 60; count++) await world.send({ siteId: 'noisy' });
  const request = await world.send({ siteId: 'quiet' });
  await world.result(request, 'summarize-post');
  const done = await world.db.selectFrom('results').select('result_id').where('site_id', '=', 'noisy').execute();
  assert.ok(done.length < 30, `${done.length} runs of the noisy site came before`);
});

test('a 429 is not asked again before its Retry-After', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 429, retryAfter: 1 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const [first, second] = world.vendors.ledger().entries.map(({ receivedAt }) => Date.parse(receivedAt));
  assert.ok((second ?? 0) - (first ?? 0) >= 990);
});

test('a run that fails tells its site, and is a dead letter; its later steps are never tried', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 400, times: 'always' }] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const request = await world.send(FORM);
  const result = await world.result(request, 'lead-to-crm');
  assert.deepEqual(result.error, { code: 'vendor_refused', step: 'score' });
  assert.deepEqual(result.output, {});
  const [letter] = await world.deadLetters(1);
  assert.equal(letter?.reason, 'vendor_refused');
  assert.equal(letter?.runId, runId(request, 'lead-to-crm'));
  const steps = await world.db.selectFrom('steps').select('status').orderBy('position').execute();
  assert.deepEqual(
    steps.map(({ status }) => status),
    ['failed', 'skipped'],
  );
  assert.equal(world.vendors.ledger().calls, 1);
});

test('after max_attempts a run fails with its last reason', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({
    chat: [{ cut: 'before-headers' }, { malformed: true }, { status: 503, times: 'always' }],
  });
  await world.start(`${vendorsYaml().replaceAll('base_ms', 'max_attempts: 5, base_ms')}${SUMMARY}`);
  const request = await world.send();
  const result = await world.result(request, 'summarize-post');
  assert.deepEqual(result.error, { code: 'vendor_unavailable', step: 'summary' });
  const attempts = await world.db.selectFrom('step_attempts').selectAll().orderBy('attempt').execute();
  assert.deepEqual(
    attempts.map(({ failure_code }) => failure_code),
    ['network_error', 'malformed_answer', 'vendor_unavailable', 'vendor_unavailable', 'vendor_unavailable'],
  );
});

test("a dead vendor's runs wait without spending their attempts, and go on when it is back", async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 503, times: 6 }] });
  const breaker = 'breaker: { failures: 3, open_ms: 300 }';
  await world.start(`${vendorsYaml(breaker)}${SUMMARY}`, { SITE_CONCURRENCY: '1' });
  const requests = await Promise.all(Array.from({ length: 10 }, () => world.send()));
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  // Six failures and ten successes: while the breaker was open no one asked.
  assert.equal(world.vendors.ledger().calls, 16);
});

test('a dry run is recorded with its steps skipped and calls no vendor', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const dry = await world.send({ mode: 'dry_run' });
  const live = await world.send();
  await world.result(live, 'summarize-post');
  const run = await world.db.selectFrom('runs').selectAll().where('request_id', '=', dry).executeTakeFirstOrThrow();
  assert.equal(run.status, 'succeeded');
  const step = await world.db
    .selectFrom('steps')
    .selectAll()
    .where('run_id', '=', run.run_id)
    .executeTakeFirstOrThrow();
  assert.equal(step.status, 'skipped');
  assert.equal(world.vendors.ledger().calls, 1);
  assert.equal((await world.db.selectFrom('results').select('result_id').execute()).length, 1);
});

test('a result that a crash left unpublished is published by the next process', async () => {
  await using world = await startWorld(postgres);
  const first = await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await world.send();
  const { result_id } = await world.result(request, 'summarize-post');
  const isPublished = (): Promise<unknown> =>
    world.db.selectFrom('results').select('result_id').where('published_at', 'is not', null).executeTakeFirst();
  await waitFor(isPublished, { what: 'the result to be published' });
  await first[Symbol.asyncDispose]();
  await world.db.updateTable('results').set({ published_at: null }).execute();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  await waitFor(isPublished, { what: `${result_id} to be published again` });
  await waitFor(() => world.log.some((line) => line.includes('"results.swept"')), { what: 'the line that says so' });
});

test('what runs belong to no known automation or vendor fails once the grace period is over, and not before', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 1 }] });
  const slow = vendorsYaml('')
    .replaceAll('base_ms: 20', 'base_ms: 100000')
    .replaceAll('cap_ms: 2000', 'cap_ms: 100000');
  const first = await world.start(`${slow}${SUMMARY}`);
  const request = await world.send();
  await waitFor(() => world.vendors.ledger().calls === 1, { what: 'the first attempt' });
  await first[Symbol.asyncDispose]();
  await world.db.updateTable('open_runs').set({ due_at: new Date(), vendor: 'gone' }).execute();
  await world.start(`${vendorsYaml()}${SUMMARY}`, { UNKNOWN_GRACE_MS: '1500' });
  const startedAtMs = Date.now();
  const result = await world.result(request, 'summarize-post');
  assert.ok(Date.now() - startedAtMs > 1_000);
  assert.deepEqual(result.error, { code: 'vendor_unknown', step: 'summary' });
});
