import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS } from '@pressferry/contracts';
import { createLogger } from '@pressferry/runtime';
import { startTestNats, type TestPostgres, waitFor } from '@pressferry/testing';
import { notePosition, readServerLife } from '../src/db/positions.ts';
import { startRoomKeeping } from '../src/intake/room.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const YAML = `${vendorsYaml()}${SUMMARY}`;

const untilNoted = ({ db }: World, sequence: string): Promise<unknown> =>
  waitFor(
    async () => (await db.selectFrom('intake_positions').select('sequence').executeTakeFirst())?.sequence === sequence,
    { what: `position ${sequence}` },
  );

const untilDone = (world: World, sent: readonly string[]): Promise<unknown> =>
  Promise.all(sent.map((request) => world.result(request, 'summarize-post')));

async function sendMany(world: World, count: number): Promise<string[]> {
  const sent: string[] = [];
  while (sent.length < count) sent.push(await world.send());
  return sent;
}

/** A world whose NATS can go back to what `keep` copied, or to a part of it. */
async function startRestorable() {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-restored-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const storeDir = join(folder, 'store');
  const nats = stack.use(await startTestNats({ storeDir }));
  const world = stack.use(await startWorld(postgres, nats));
  const resources = stack.move();
  const copy = async (from: string, to: string): Promise<void> => {
    await nats.stop();
    await rm(to, { recursive: true, force: true });
    await cp(from, to, { recursive: true });
    await nats.restart();
    await waitFor(() => world.connection.isConnected(), { what: 'NATS' });
  };
  return {
    world,
    keep: () => copy(storeDir, join(folder, 'copy')),
    goBack: (part: string) => copy(join(folder, 'copy', part), join(storeDir, part)),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

for (const isRunning of [true, false])
  test(`EVENTS goes back, but not its consumer, as after a power cut, and enricher ${isRunning ? 'runs' : 'starts later'}: events accepted since are processed`, async () => {
    await using restorable = await startRestorable();
    const { world } = restorable;
    const first = await world.start(YAML);
    await untilDone(world, await sendMany(world, 1));
    await restorable.keep();
    await untilDone(world, await sendMany(world, 4));
    await untilNoted(world, '5');
    if (!isRunning) await first[Symbol.asyncDispose]();
    await restorable.goBack('jetstream/$G/streams/EVENTS/msgs');
    if (!isRunning) await world.start(YAML);
    const manager = await jetstreamManager(world.connection.nats);
    const isPulled = async () => (await manager.consumers.info('EVENTS', 'enricher')).num_waiting > 0;
    await waitFor(() => isPulled().catch(() => false), { what: 'enricher to ask for messages' });
    await untilDone(world, await sendMany(world, 2));
  });

test('a full EVENTS that went back while Postgres is away loses none of the events that got the sequences again', async () => {
  await using restorable = await startRestorable();
  const { world } = restorable;
  const { db, connection } = world;
  const logger = createLogger('enricher', 'silent');
  const consumers = consumerDefinitions(STREAM_DEFAULTS).filter(({ name }) => name === 'enricher');
  const manager = await jetstreamManager(connection.nats);
  const { created: createdAt } = await manager.streams.info('EVENTS');
  let isUp = true;
  let rounds = 0;
  await restorable.keep();
  const sent = await sendMany(world, 6);
  const consumer = await jetstream(connection.nats).consumers.get('EVENTS', 'enricher');
  for (const _ of sent) (await consumer.next())?.ack();
  await using _room = startRoomKeeping({
    ...{ connection, consumers, logger, takeover: { check: async () => ({ createdAt, position: 0, wentBack: null }) } },
    readServerLife: () => readServerLife(db),
    notePosition: (stream, position) => notePosition(db, stream, position),
    isUp: () => {
      rounds++;
      return isUp;
    },
    metrics: { removedEvents: () => undefined },
  });
  await untilNoted(world, '6');
  isUp = false;
  await restorable.goBack('jetstream');
  await sendMany(world, 6);
  const { bytes } = (await manager.streams.info('EVENTS')).state;
  await manager.streams.update('EVENTS', { max_bytes: Math.ceil(bytes * 1.1) });
  const seen = rounds;
  await waitFor(() => rounds > seen + 2, { what: 'two rounds more' });
  assert.equal((await manager.streams.info('EVENTS')).state.messages, 6);
});
