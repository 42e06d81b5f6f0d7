import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { decodeEvent, encodeEvent, requestId } from '@pressferry/contracts';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import { createLogger, openEventBody } from '@pressferry/runtime';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { isSuspect, takeSuspect } from '../src/intake/suspects.ts';
import { FORM, LEAD, SUMMARY, startWorld, type TestEvent, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const message: Delivered = {
  stream: 'EVENTS',
  subject: 'pf.event.0.site-a.post.published',
  sequence: 7,
  delivery: 9,
  data: Buffer.from('a message that kills'),
  header: () => undefined,
};

/** Handles the suspect once, as a process does that is then killed, or not. */
function openSuspects({ db }: World) {
  const letters: { reason: string; tries: number; message: string }[] = [];
  const handle = (take: (onHeld: () => void) => Promise<Outcome>): Promise<Outcome> =>
    takeSuspect(message, take, {
      db,
      health: { suspect: () => undefined, untilUp: async () => undefined },
      givingUp: new AbortController().signal,
      publishDeadLetter: async ({ reason, tries, message: data }) => {
        letters.push({ reason, tries, message: Buffer.from(data).toString() });
        return true;
      },
      metrics: { event: () => undefined },
      logger: createLogger('enricher', 'silent'),
    });
  return { letters, handle };
}

const killed = (begun: () => void) => (): Promise<Outcome> => {
  begun();
  return new Promise(() => undefined);
};

test('a message over which worker after worker dies is a dead letter, whole; it is suspected from its fifth delivery on', async () => {
  await using world = await startWorld(postgres);
  const { letters, handle } = openSuspects(world);
  assert.deepEqual([isSuspect({ delivery: 4 }), isSuspect({ delivery: 5 })], [false, true]);
  for (let kill = 1; kill <= 5; kill++) {
    await new Promise<void>((begun) => void handle(killed(begun)));
    assert.deepEqual(letters, []);
  }
  const outcome = await handle(async () => {
    throw new Error('it must not be handled any more');
  });
  assert.deepEqual(outcome, { kind: 'drop', reason: 'worker_killed' });
  assert.deepEqual(letters, [{ reason: 'worker_killed', tries: 9, message: 'a message that kills' }]);
  assert.deepEqual(await world.db.selectFrom('intake_suspects').selectAll().execute(), []);
});

test('a message is not blamed for workers that die while the database keeps it waiting, however many', async () => {
  await using world = await startWorld(postgres);
  const { letters, handle } = openSuspects(world);
  for (let kill = 1; kill <= 10; kill++) {
    await new Promise<void>((begun) => {
      void handle((onHeld) => {
        onHeld();
        return killed(begun)();
      });
    });
    await waitFor(async () => (await world.db.selectFrom('intake_suspects').selectAll().execute()).length === 0, {
      what: 'the message to be cleared',
    });
  }
  assert.deepEqual(await handle(async () => ({ kind: 'done' })), { kind: 'done' });
  assert.deepEqual(letters, []);
});

test('an event that was delivered thirty times for no fault of its own runs', async () => {
  await using world = await startWorld(postgres);
  const request = await world.send();
  const consumer = await jetstream(world.connection.nats).consumers.get('EVENTS', 'enricher');
  for (let delivery = 1; delivery <= 30; delivery++) (await consumer.next())?.nak();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

/** What ingress never publishes, and no statement can hold, not even with another body in its place. */
const UNFIT: [what: string, event: TestEvent][] = [
  ['a time of acceptance before there are days', { receivedAtMs: 1 }],
  ['a time of acceptance that has no day', { receivedAtMs: Date.UTC(10_000, 0, 1) }],
  ['a time of acceptance that is not one', { receivedAtMs: 9e15 }],
  ['a type with a NUL in it', { type: 'post\u0000published' }],
  ['an instant of the year 0', { occurredAt: '0000-01-01T00:00:00Z' }],
];

test('an event that no row of its kind can hold is a dead letter, and holds up no other', async () => {
  await using world = await startWorld(postgres);
  for (const [, event] of UNFIT) await world.send({ ...event, subjectType: 'post.published' });
  const request = await world.send();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  const letters = await world.deadLetters(UNFIT.length);
  assert.deepEqual(
    letters.map(({ reason, streamSequence }) => [streamSequence, reason]).sort(),
    UNFIT.map((_, at) => [at + 1, 'event_undecodable']),
  );
});

test('a body that is nested a hundred thousand deep runs at its first delivery', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const key = randomUUID();
  const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const event = encodeEvent({
    requestId: requestId('site-a', key),
    siteId: 'site-a',
    eventType: 'post.published',
    objectRef: '1',
    idempotencyKey: key,
    receivedAtMs: Date.now(),
    body: Buffer.from(`{"occurred_at":"${new Date().toISOString()}","data":{"nested":${nested}}}`),
    mode: 'live',
  });
  world.connection.nats.publish('pf.event.0.site-a.post.published', event);
  const result = await world.result(requestId('site-a', key), 'summarize-post');
  assert.equal(result.status, 'succeeded');
  const { delivered } = await (await jetstreamManager(world.connection.nats)).consumers.info('EVENTS', 'enricher');
  assert.equal(delivered.consumer_seq, 1);
});

test('what JetStream itself gave up becomes a dead letter with its message, and of what is gone the letter says so', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  // A consumer as an older release made it.
  await manager.consumers.add('EVENTS', {
    durable_name: 'older',
    ack_policy: AckPolicy.Explicit,
    ack_wait: 50_000_000,
    max_deliver: 1,
  });
  const requests = [await world.send(), await world.send()];
  const consumer = await jetstream(world.connection.nats).consumers.get('EVENTS', 'older');
  for (const _request of requests) await consumer.next();
  const advisories = async () => {
    const { state } = await manager.streams.info('DEADLETTERS', { subjects_filter: '$JS.>' });
    return Object.keys(state.subjects ?? {}).length === 0 ? 0 : state.messages;
  };
  // It is told of once the message would be due again.
  await consumer.next({ expires: 1_000 });
  await waitFor(async () => (await advisories()) === 2, { what: 'the advisories' });
  await manager.consumers.delete('EVENTS', 'older');
  await manager.streams.deleteMessage('EVENTS', 2);

  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const letters = (await world.deadLetters(2)).sort((a, b) => a.streamSequence - b.streamSequence);
  assert.deepEqual(
    letters.map(({ reason, siteId, streamSequence, tries, message: data }) => [
      reason,
      siteId,
      streamSequence,
      tries,
      data.length > 0,
    ]),
    [
      ['max_deliveries', 'site-a', 1, 1, true],
      ['max_deliveries_message_gone', 'unknown', 2, 1, false],
    ],
  );
  assert.equal(decodeEvent(letters[0]?.message ?? new Uint8Array()).requestId, requests[0]);
  await waitFor(async () => (await advisories()) === 0, { what: 'the advisories to be removed' });
});

test('the dead letter of a failed run carries its event as EVENTS had it, and how often the step was tried', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 500 }, { status: 400, times: 'always' }] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const request = await world.send(FORM);
  await world.result(request, 'lead-to-crm');
  const [letter] = await world.deadLetters(1);
  assert.deepEqual(
    [letter?.reason, letter?.tries, letter?.subject],
    ['vendor_refused', 2, 'pf.event.0.site-a.form.submitted'],
  );
  const event = decodeEvent(letter?.message ?? new Uint8Array());
  assert.deepEqual([event.requestId, event.eventType, event.mode], [request, 'form.submitted', 'live']);
  const body = JSON.parse(Buffer.from(openEventBody(world.keyring, event.body, request)).toString());
  assert.deepEqual(body.data, FORM.data);
});
