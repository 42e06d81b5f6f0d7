import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { REPLAY_HEADER } from '@pressferry/contracts';
import { createLatch, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { startReceiver } from './receiver.ts';
import { createWorld, type TestResult, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, {
    what: `the delivery to be ${status}`,
    timeoutMs: 30_000,
  });

const run = (statement: string): Promise<unknown> => sql.raw(statement).execute(world.db);

/** Ways in which a database refuses writes for a while, each with its end. */
const FAULTS: Record<string, [begin: string, end: string]> = {
  'is read-only': [
    'alter system set default_transaction_read_only = on; select pg_reload_conf()',
    'set default_transaction_read_only = off; alter system reset default_transaction_read_only; select pg_reload_conf()',
  ],
  'misses a column': [
    'alter table deliveries rename column lease_until to lease_until_away',
    'alter table deliveries rename column lease_until_away to lease_until',
  ],
  'refuses deliveries': [
    `create function refuse() returns trigger language plpgsql as 'begin raise exception ''no space'' using errcode = ''53100''; end';
     create trigger refuse before insert or update on deliveries for each row execute function refuse()`,
    'drop trigger refuse on deliveries; drop function refuse',
  ],
};

async function during(fault: string, work: () => Promise<unknown>): Promise<void> {
  const [begin = '', end = ''] = FAULTS[fault] ?? [];
  for (const statement of statements(begin)) await run(statement);
  try {
    await work();
  } finally {
    for (const statement of statements(end)) await run(statement);
  }
}

/** ALTER SYSTEM runs in no block of statements. */
const statements = (text: string): string[] => (text.includes('alter system') ? text.split('; ') : [text]);

const consumer = async () => (await jetstreamManager(world.connection.nats)).consumers.info('RESULTS', 'callback');

for (const fault of Object.keys(FAULTS)) {
  test(`while Postgres ${fault} no result is given up: each is pushed afterwards, and no delivery of a message is spent`, async () => {
    await using receiver = await startReceiver();
    const site = await world.site({ callbackUrl: receiver.url });
    receiver.secrets = [site.secret];
    await using _callback = await world.start();
    await until(await world.result(site), 'acknowledged');
    const results: TestResult[] = [];
    for (let times = 0; times < 5; times++) results.push(await world.result(site, { publish: false }));
    const delivered = (await consumer()).delivered.consumer_seq;
    await during(fault, async () => {
      for (const result of results) await world.publish(result);
      await waitFor(async () => (await consumer()).num_ack_pending > 0 || (await consumer()).num_pending > 0, {
        what: 'the messages to wait',
      });
      // The fault lasts.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    });
    for (const result of results) await until(result, 'acknowledged');
    // Each message once: none was given back.
    assert.equal((await consumer()).delivered.consumer_seq, delivered + results.length);
    assert.equal(receiver.received.length, 6);
  });

  test(`an acknowledgement that comes while Postgres ${fault} is kept until it can be stored: the push is not repeated`, async () => {
    await using receiver = await startReceiver();
    const site = await world.site({ callbackUrl: receiver.url });
    receiver.secrets = [site.secret];
    const arrived = createLatch('the push');
    let answer = (): void => undefined;
    receiver.behave = (_push, _response, acknowledge) => {
      answer = acknowledge;
      arrived.open();
    };
    await using _callback = await world.start({ LEASE_MS: '2000' });
    const result = await world.result(site);
    await arrived.wait();
    await during(fault, async () => {
      answer();
      // The fault lasts longer than the lease.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    });
    await until(result, 'acknowledged');
    assert.equal(receiver.received.length, 1);
  });
}

test('a result whose message was lost gets its delivery all the same, however old it is', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const lost = [await world.result(site, { publish: false }), await world.result(site, { publish: false })];
  await world.db
    .updateTable('results')
    .set({ commit_xid: '17', completed_at: new Date('2026-01-01') })
    .where('result_id', '=', lost[0]?.resultId ?? '')
    .execute();
  await run("update delivery_sweep set place = '0'");
  await using _callback = await world.start({ SWEEP_AFTER_MS: '500' });
  for (const result of lost) await until(result, 'acknowledged');
  assert.equal(receiver.received.length, 2);
});

test('a dead delivery starts again only by a replay, once for each', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  const dead = await (async () => {
    await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20' });
    const result = await world.result(site);
    await until(result, 'dead');
    return result;
  })();
  assert.equal(receiver.received.length, 2);

  // A consumer that was deleted is recreated and delivers every message again.
  const manager = await jetstreamManager(world.connection.nats);
  await manager.consumers.delete('RESULTS', 'callback');
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await using _callback = await world.start();
  await until(await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead');

  const nonce = randomUUID();
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await waitFor(() => receiver.received.length > 3, { what: 'the replay to be tried' });
  await until(dead, 'dead');
  const tries = receiver.received.length;
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await until(await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead', 'the same replay again');
  assert.equal(receiver.received.length, tries + 1);
  await world.publish(dead, { [REPLAY_HEADER]: randomUUID() });
  await until(dead, 'acknowledged');
});
