import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { consumerDefinitions, decodeDeadLetter, decodeResult } from '@pressferry/contracts';
import { consume } from '@pressferry/jetstream';
import { waitFor } from '@pressferry/testing';
import { startReceiver } from './receiver.ts';
import { createWorld, MAIN, readDeadLetters, type TestResult, type TestSite, type World, waiting } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

const attemptsOf = (result: TestResult) =>
  world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).orderBy('attempt').execute();

function spawnCallback(): ChildProcess {
  return spawn(process.execPath, [MAIN], { env: world.env, stdio: ['ignore', 'ignore', 'inherit'] });
}

test('when a worker is killed in an attempt, another makes the next one under the same webhook-id', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = () => undefined;
  const child = spawnCallback();
  const result = await world.result(site);
  await waitFor(() => receiver.received.length === 1, { what: 'the first attempt' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await world.db.updateTable('open_deliveries').set({ lease_until: new Date() }).execute();

  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await using _callback = await world.start({ LEASE_MS: '3000' });
  await until(result, 'acknowledged');
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers['webhook-id']),
    [result.resultId, result.resultId],
  );
  assert.deepEqual(
    (await attemptsOf(result)).map(({ outcome, failure_code }) => [outcome, failure_code]),
    [
      ['retry', 'worker_lost'],
      ['acknowledged', null],
    ],
  );
});

test('two workers side by side attempt each delivery once', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _one = await world.start();
  await using _two = await world.start();
  const results = [];
  for (let times = 0; times < 40; times++) results.push(await world.result(site));
  for (const result of results) await until(result, 'acknowledged');
  assert.equal(receiver.received.length, 40);
});

test('Postgres down: polls say when to come back, results wait on their stream, and all is delivered afterwards', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using callback = await world.start({ RATE_LIMIT_SITE_PER_MINUTE: '0' });
  await until(await world.result(site), 'acknowledged');
  const waiting = await Promise.all(Array.from({ length: 10 }, () => world.result(site, { publish: false })));

  await world.postgres.server.stop();
  for (const result of waiting) await world.publish(result);
  const response = await fetch(`${callback.apiUrl}/results`, {
    headers: { authorization: `Bearer ${world.token(site)}` },
  });
  assert.equal(response.status, 503);
  assert.ok(Number(response.headers.get('retry-after')) > 0);
  assert.equal(((await response.json()) as { code: string }).code, 'results_unavailable');
  assert.equal((await fetch(`${callback.opsUrl}/livez`)).status, 200);

  await world.postgres.server.restart();
  for (const result of waiting) await until(result, 'acknowledged');
  assert.equal(receiver.stored.size, 11);
});

test('an acknowledgement that could not be recorded is asked for again, and WordPress stores the result once', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  let killed: Promise<void> | undefined;
  receiver.behave = (_push, _response, acknowledge) => {
    killed ??= world.postgres.server.stop();
    void killed.then(acknowledge);
  };
  await using _callback = await world.start({ LEASE_MS: '1000' });
  const result = await world.result(site);
  await waitFor(() => receiver.stored.size === 1, { what: 'WordPress to store the result' });
  await killed;
  await world.postgres.server.restart();
  await until(result, 'acknowledged');
  assert.deepEqual([...receiver.stored], [result.resultId]);
  assert.equal(new Set(receiver.received.map(({ resultId }) => resultId)).size, 1);
});

test('NATS down: what is due is still pushed, and intake goes on once it is back', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  let isDown = true;
  receiver.behave = (_push, response, acknowledge) => {
    if (!isDown) return acknowledge();
    response.writeHead(500).end();
  };
  await using callback = await world.start({ RETRY_SCHEDULE_MS: '300,300,300,300,300,300' });
  const early = await world.result(site);
  await waitFor(() => receiver.received.length > 0, { what: 'the first attempt' });
  await world.nats.kill();
  await waitFor(async () => (await fetch(`${callback.opsUrl}/readyz`)).status === 503, { what: 'unreadiness' });
  isDown = false;
  await until(early, 'acknowledged');

  await world.nats.restart();
  await waitFor(() => world.connection.isConnected(), { what: 'NATS' });
  await until(await world.result(site), 'acknowledged');
  await waitFor(async () => (await fetch(`${callback.opsUrl}/readyz`)).status === 200, { what: 'readiness' });
});

test('a stop while the intake opens its consumer ends the intake', async () => {
  const [definition] = consumerDefinitions({ shards: 1 }).filter(({ stream }) => stream === 'RESULTS');
  assert.ok(definition);
  const stop = new AbortController();
  await consume(world.connection, async () => ({ kind: 'done' }), {
    definition,
    concurrency: 1,
    signal: stop.signal,
    onInterruption: (error) => assert.fail(String(error)),
    // Then the consumer's opening is on its way to the server.
    untilReady: async () => void setImmediate(() => stop.abort()),
  });
});

/** A delivery in the hands of a worker that is gone. */
const leftBehind = async (site: TestSite, members: { attempt_count: number; lost_count: number }) => {
  const result = await world.result(site, { publish: false });
  const lease = { lease_owner: 'a worker that is gone', lease_until: new Date() };
  await world.db
    .insertInto('open_deliveries')
    .values({ ...waiting(result), ...lease, ...members, attempts_told: members.attempt_count - 1 })
    .execute();
  return result;
};

test('attempts that ended with their workers take no place of the schedule', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response, acknowledge) => {
    if (receiver.received.length === 2) acknowledge();
    else response.writeHead(500).end();
  };
  const result = await leftBehind(site, { attempt_count: 5, lost_count: 4 });
  await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20' });
  await until(result, 'acknowledged');
  assert.deepEqual(
    (await attemptsOf(result)).map(({ attempt, failure_code }) => [attempt, failure_code]),
    [
      [5, 'worker_lost'],
      [6, 'server_error'],
      [7, null],
    ],
  );
});

test('a delivery over which worker after worker dies is a dead letter, and is not pushed once more', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const [nineteenth, twentieth] = [
    await leftBehind(site, { attempt_count: 19, lost_count: 18 }),
    await leftBehind(site, { attempt_count: 20, lost_count: 19 }),
  ];
  await using _callback = await world.start();
  await until(nineteenth, 'acknowledged');
  await until(twentieth, 'dead');
  assert.deepEqual([...receiver.stored], [nineteenth.resultId]);
  const [letter] = (await readDeadLetters(world.connection, site.siteId)).map(({ data }) => decodeDeadLetter(data));
  assert.deepEqual([letter?.reason, letter?.tries], ['worker_lost', 20]);
  assert.equal(decodeResult(letter?.message ?? new Uint8Array()).resultId, twentieth.resultId);
});
