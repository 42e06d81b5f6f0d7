// Report 28, consumers that are deleted while they run: hmchangw/newchat PR 348, ThreeDotsLabs/watermill issue 671, kannon-email/kannon PR 427.
// Report 29, killed connections: brianc/node-postgres issue 1707, timgit/pg-boss issue 365, nats-io/nats.deno issue 688. Killed servers and full streams
// are in services/enricher/test/room.test.ts, services/ingress/test/faults.test.ts and tests/slow/.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { REPLAY_HEADER } from '@pressferry/contracts';
import { waitFor } from '@pressferry/testing';
import { ownerOf, restrictedUrl, terminate, victimOf } from '@pressferry/testing/faults';
import { startReceiver } from '../../services/callback/test/receiver.ts';
import { createWorld, type TestResult } from '../../services/callback/test/world.ts';
import { FORM, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { startVendor } from './vendor.ts';

const EVENTS = 30;

test('consumers that are deleted and connections that are killed among events cost none, and no call is made twice', async () => {
  await using postgres = await testPostgres();
  await using vendor = await startVendor(() => ({ body: {} }));
  await using world = await startWorld(postgres);
  const steps = "[{ name: s, type: http, vendor: crm, path: /x, body: { id: '{{ run.id }}' } }]";
  await world.start(`${vendorsYaml()}\nautomations: [{ name: a, on: [form.submitted], steps: ${steps} }]`, {
    CRM_BASE_URL: vendor.url,
    DATABASE_URL: await restrictedUrl(world.databaseUrl),
  });
  const manager = await jetstreamManager(world.connection.nats);
  const owner = ownerOf(world.databaseUrl);
  const requests: string[] = [];
  for (let event = 0; event < EVENTS; event++) {
    requests.push(await world.send(FORM));
    if (event === 10) await manager.consumers.delete('EVENTS', 'enricher');
    if (event % 5 === 0) await owner.run(terminate(victimOf(world.databaseUrl)));
  }
  for (const request of requests) assert.equal((await world.result(request, 'a')).status, 'succeeded');
  const calls = vendor.calls.map(({ headers }) => headers['idempotency-key']);
  assert.equal(new Set(calls).size, EVENTS);
  assert.equal(calls.length, EVENTS, 'a call was repeated');
});

const until = (world: Pick<Awaited<ReturnType<typeof createWorld>>, 'status'>, result: TestResult, status: string) =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

test('a dead delivery starts again only by a replay, once for each', async () => {
  await using world = await createWorld();
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  const dead = await (async () => {
    await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20' });
    const result = await world.result(site);
    await until(world, result, 'dead');
    return result;
  })();
  assert.equal(receiver.received.length, 2);

  // A consumer that was deleted is recreated and delivers every message again.
  const manager = await jetstreamManager(world.connection.nats);
  await manager.consumers.delete('RESULTS', 'callback');
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await using _callback = await world.start();
  await until(world, await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead');

  const nonce = randomUUID();
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await waitFor(() => receiver.received.length > 3, { what: 'the replay to be tried' });
  await until(world, dead, 'dead');
  const tries = receiver.received.length;
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await until(world, await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead', 'the same replay again');
  assert.equal(receiver.received.length, tries + 1);
  await world.publish(dead, { [REPLAY_HEADER]: randomUUID() });
  await until(world, dead, 'acknowledged');
});
