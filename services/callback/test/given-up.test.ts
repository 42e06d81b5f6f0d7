import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeDeadLetter } from '@pressferry/contracts';
import { waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { writeEndpoints } from '../src/db/endpoints.ts';
import { endOverdue } from '../src/db/overdue.ts';
import { unknownHealth } from '../src/delivery/health.ts';
import { startReceiver } from './receiver.ts';
import { createWorld, keyring, readDeadLetters, type TestResult, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

const attemptsOf = (result: TestResult) =>
  world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).orderBy('attempt').execute();

test('a result that does not open ends as a dead letter and holds nothing up', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20' });
  const broken = await world.result(site, { publish: false });
  const sealed_body = keyring.seal('{}', 'result:another');
  await world.db.updateTable('results').set({ sealed_body }).where('result_id', '=', broken.resultId).execute();
  await world.publish(broken);
  const good = await world.result(site);
  await until(good, 'acknowledged');
  await until(broken, 'dead');
  assert.equal((await attemptsOf(broken))[0]?.failure_code, 'result_unreadable');
});

test('what no probe of a dead site reaches in the time of its schedule is a dead letter', async () => {
  const site = await world.site({ callbackUrl: 'http://127.0.0.1:9/' });
  const env = {
    RETRY_SCHEDULE_MS: '300,300',
    BREAKER_FAILURES: '2',
    BREAKER_PROBE_MIN_MS: '600000',
    BREAKER_PROBE_MAX_MS: '600000',
  };
  await using _callback = await world.start(env);
  const results = await Promise.all(Array.from({ length: 10 }, () => world.result(site)));
  for (const result of results) await until(result, 'dead');
  const letters = await readDeadLetters(world.connection, site.siteId);
  assert.equal(letters.length, 10);
  assert.equal(decodeDeadLetter(letters[9]?.data ?? new Uint8Array()).reason, 'site_unreachable');
});

test('a process that still holds a site for dead gives nothing up if the site answers another one, or has another address', async () => {
  const overdue = async (failures: number, callbackUrl = 'http://127.0.0.1:9/') => {
    const site = await world.site({ callbackUrl: 'http://127.0.0.1:9/' });
    const { siteId, resultId } = await world.result(site, { publish: false });
    await sql`insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, completed_at, due_at)
      select filed_at, result_id, run_id, request_id, site_id, completed_at, now() - interval '1 hour'
      from results where result_id = ${resultId}`.execute(world.db);
    const health = { ...unknownHealth(callbackUrl), straightFailures: failures };
    await writeEndpoints(world.db, new Map([[siteId, health]]), 0);
    return { siteId, resultId };
  };
  const [dead, answering, moved] = [await overdue(5), await overdue(0), await overdue(5, 'http://127.0.0.1:9/old')];
  const siteIds = [dead, answering, moved].map(({ siteId }) => siteId);
  const given = { siteIds, failures: 5, overdueMs: 60_000, failureCode: 'site_unreachable' };
  const letters: string[] = [];
  await endOverdue(world.db, given, async ({ resultId }) => Boolean(letters.push(resultId)));
  assert.deepEqual(letters, [dead.resultId]);
  const statuses = await Promise.all([dead, answering, moved].map(({ resultId }) => world.status(resultId)));
  assert.deepEqual(statuses, ['dead', 'pending', 'pending']);
});

test('a delivery whose result was erased meanwhile is dropped', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _callback = await world.start();
  const erased = await world.result(site, { publish: false });
  await world.db.deleteFrom('results').where('request_id', '=', erased.requestId).execute();
  await world.db.deleteFrom('events').where('request_id', '=', erased.requestId).execute();
  await world.publish(erased);
  await until(await world.result(site), 'acknowledged');
  assert.equal(await world.status(erased.resultId), undefined);
  assert.equal(receiver.received.length, 1);
});

test('what is not a result ends as a dead letter', async () => {
  await using _callback = await world.start();
  await world.publisher.publish('pf.result.0.odd-site', Buffer.from('no protobuf'), { 'Nats-Msg-Id': 'odd' });
  const letter = await waitFor(async () => (await readDeadLetters(world.connection, 'odd-site'))[0], {
    what: 'the dead letter',
  });
  const { reason, message } = decodeDeadLetter(letter.data);
  assert.equal(reason, 'result_undecodable');
  assert.equal(Buffer.from(message).toString(), 'no protobuf');
});
