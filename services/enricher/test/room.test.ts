import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { noConnections, ownerOf, refuse, restrictedUrl, victimOf } from '@pressferry/testing/faults';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a full EVENTS takes events again once enricher has taken what it holds, and nothing is removed before', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  await manager.streams.update('EVENTS', { max_bytes: 40_000 });
  const sent: string[] = [];
  await assert.rejects(async () => {
    for (let count = 0; count < 200; count++) sent.push(await world.send());
  }, /was not stored: refused/);
  assert.equal((await manager.streams.info('EVENTS')).state.messages, sent.length);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  await waitFor(async () => (await world.send().catch(() => null)) !== null, {
    what: 'room in EVENTS',
  });
  const results = await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  assert.ok(results.every(({ status }) => status === 'succeeded'));
});

test('a consumer that is recreated begins where Postgres says: stored events are not delivered again, the others are', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const first = await world.start(yaml);
  const stored = [await world.send(), await world.send(), await world.send()];
  await Promise.all(stored.map((request) => world.result(request, 'summarize-post')));
  const isNoted = async () =>
    (await world.db.selectFrom('intake_positions').select('sequence').executeTakeFirst())?.sequence === '3';
  await waitFor(isNoted, { what: 'the position to be noted' });
  await first[Symbol.asyncDispose]();
  await manager.consumers.delete('EVENTS', 'enricher');
  const later = await world.send();
  world.log.length = 0;
  await world.start(yaml);
  await world.result(later, 'summarize-post');
  const taken = world.log.filter((line) => line.includes('"event.taken_in"'));
  assert.equal(taken.length, 1);
  assert.ok(taken[0]?.includes(later));
});

test('a stream that was recreated is read from its first message, whatever was noted of the former one', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  await world.db
    .insertInto('intake_positions')
    .values({ stream: 'EVENTS', stream_created_at: '2020-01-01T00:00:00Z', sequence: 1_000 })
    .execute();
  await manager.consumers.delete('EVENTS', 'enricher');
  const request = await world.send();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

test('a stream that was restored from an older copy is read from its first message', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const { created } = await manager.streams.info('EVENTS');
  await manager.consumers.delete('EVENTS', 'enricher');
  const request = await world.send();
  const noted = { stream: 'EVENTS', stream_created_at: created, updated_at: new Date(Date.now() - 60_000) };
  for (const sequence of [1_000, 1]) {
    await world.db.deleteFrom('intake_positions').execute();
    await world.db
      .insertInto('intake_positions')
      .values({ ...noted, sequence })
      .execute();
    const enricher = await world.start(`${vendorsYaml()}${SUMMARY}`);
    assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    await enricher[Symbol.asyncDispose]();
    await manager.consumers.delete('EVENTS', 'enricher');
    await sql`truncate open_deliveries, results, step_attempts, past_steps, past_runs, events, event_keys`.execute(
      world.db,
    );
  }
});

/** Makes Postgres what a backup of before `later` would restore: it lacks these events, and says that it holds the stream up to `position`. */
async function goBack({ db }: World, later: readonly string[], position: number | null): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const runs = sql`(select run_id from past_runs where request_id = any(${later}::uuid[]))`;
    for (const table of ['past_steps', 'step_attempts']) {
      await sql`delete from ${sql.table(table)} where run_id in ${runs}`.execute(tx);
    }
    for (const table of ['open_deliveries', 'results', 'past_runs', 'events', 'event_keys']) {
      await sql`delete from ${sql.table(table)} where request_id = any(${later}::uuid[])`.execute(tx);
    }
    if (position === null) await tx.deleteFrom('intake_positions').execute();
    else await tx.updateTable('intake_positions').set({ sequence: position }).execute();
  });
}

const positionOf = async ({ db }: World): Promise<number> =>
  Number((await db.selectFrom('intake_positions').select('sequence').executeTakeFirst())?.sequence ?? 0);

const untilNoted = (world: World, sequence: number): Promise<unknown> =>
  waitFor(async () => (await positionOf(world)) === sequence, { what: `position ${sequence}` });

const takenOf = (world: World, request: string): string[] =>
  world.log.filter((line) => line.includes('"event.taken_in"') && line.includes(request));

for (const position of [2, null]) {
  test(`two enrichers start on a Postgres that was restored from a backup, its position ${position}: the events since then are taken again`, async () => {
    await using world = await startWorld(postgres);
    const yaml = `${vendorsYaml()}${SUMMARY}`;
    const first = await world.start(yaml);
    const sent: string[] = [];
    for (let count = 0; count < 6; count++) sent.push(await world.send());
    await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
    await untilNoted(world, 6);
    await first[Symbol.asyncDispose]();
    // The third was stored before the backup, and its position was not noted yet.
    const [erased = '', ...later] = sent.slice(3);
    await goBack(world, [erased, ...later], position);
    await world.db.insertInto('erased_events').values({ request_id: erased }).execute();
    world.log.length = 0;
    await Promise.all([world.start(yaml), world.start(yaml)]);
    for (const request of later) {
      assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    }
    await untilNoted(world, 6);
    const { length } = await world.db
      .selectFrom('events')
      .select('request_id')
      .where('request_id', '=', erased)
      .execute();
    assert.equal(length, 0, 'what was erased does not come back');
    const said = world.log.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'intake.went_back');
    assert.deepEqual(
      [said?.level, said?.position, said?.acknowledged_up_to, said?.messages, said?.gone],
      ['error', position ?? 0, 6, 6 - (position ?? 0), 0],
    );
  });
}

test('Postgres goes back while enricher runs: the events that it lacks are taken again', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const sent: string[] = [];
  for (let count = 0; count < 4; count++) sent.push(await world.send());
  await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  await untilNoted(world, 4);
  await goBack(world, sent.slice(2), 2);
  const next = await world.send();
  for (const request of [...sent, next]) await world.result(request, 'summarize-post');
  await untilNoted(world, 5);
});

test('Postgres fails over to a standby that lacks the last events, which no noted position covers yet: they are taken again', async () => {
  await using world = await startWorld(postgres);
  const owner = ownerOf(world.databaseUrl);
  const away = noConnections(victimOf(world.databaseUrl));
  const unnoted = refuse('intake_positions', { sqlState: '40001', when: 'insert or update' });
  await world.start(`${vendorsYaml()}${SUMMARY}`, { DATABASE_URL: await restrictedUrl(world.databaseUrl) });
  const sent = [await world.send(), await world.send()];
  await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  await untilNoted(world, 2);
  await owner.begin(unnoted);
  const lost = [await world.send(), await world.send()];
  await Promise.all(lost.map((request) => world.result(request, 'summarize-post')));
  const manager = await jetstreamManager(world.connection.nats);
  const isAcknowledged = async () => (await manager.consumers.info('EVENTS', 'enricher')).ack_floor.stream_seq === 4;
  await waitFor(isAcknowledged, { what: 'the acknowledgements' });
  await owner.begin(away);
  await postgres.server.kill();
  await postgres.server.restart();
  await owner.end(unnoted);
  await goBack(world, lost, 2);
  await owner.end(away);
  for (const request of lost) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  await untilNoted(world, 4);
});

test('an enricher that was killed before it noted its position takes nothing again, and its consumer stays', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const first = await world.start(yaml);
  const sent = [await world.send(), await world.send(), await world.send()];
  await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  await untilNoted(world, 3);
  await first[Symbol.asyncDispose]();
  await world.db.updateTable('intake_positions').set({ sequence: 1 }).execute();
  const { created } = await manager.consumers.info('EVENTS', 'enricher');
  world.log.length = 0;
  await world.start(yaml);
  await untilNoted(world, 3);
  assert.deepEqual(
    sent.flatMap((request) => takenOf(world, request)),
    [],
  );
  assert.equal((await manager.consumers.info('EVENTS', 'enricher')).created, created);
});

test('nothing that Postgres lacks is removed from EVENTS, although it is acknowledged', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const first = await world.start(yaml);
  const sent: string[] = [];
  for (let count = 0; count < 20; count++) sent.push(await world.send());
  await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  await untilNoted(world, 20);
  await first[Symbol.asyncDispose]();
  await goBack(world, sent.slice(2), 2);
  // More than 80 % full.
  const { bytes } = (await manager.streams.info('EVENTS')).state;
  await manager.streams.update('EVENTS', { max_bytes: Math.ceil(bytes * 1.1) });
  await world.start(yaml);
  for (const request of sent) await world.result(request, 'summarize-post');
});
