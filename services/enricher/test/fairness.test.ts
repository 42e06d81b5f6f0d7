import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const BACKLOG = 10_000;
/** So many calls, of a second each and two at once, may begin before the single event's. */
const MOST_BEFORE = 10;

test('a site with 10,000 open runs delays the single event of another by a few of its calls', async (t) => {
  await using world = await startWorld(postgres);
  // Calls of a second: the backlog would take an hour.
  world.vendors.setBehaviours({ chat: [{ latencyMs: 1_000, times: 'always' }] });
  await world.start(`${vendorsYaml('max_concurrency: 4')}${SUMMARY}`, { SITE_CONCURRENCY: '2' });
  await sendMany(world, 'noisy', BACKLOG);
  await waitFor(
    async () => {
      const { count } = await world.db
        .selectFrom('runs')
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count) === BACKLOG;
    },
    { what: 'the backlog to be stored', timeoutMs: 120_000 },
  );
  const request = await world.send({ siteId: 'quiet' });
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  const { count } = await world.db
    .selectFrom('runs as noisy')
    .innerJoin('runs as single', (join) => join.on('single.request_id', '=', request))
    .where('noisy.site_id', '=', 'noisy')
    .whereRef('noisy.started_at', '>=', 'single.created_at')
    .whereRef('noisy.started_at', '<=', 'single.started_at')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  t.diagnostic(`${count} runs of the other site began between its storing and its call`);
  assert.ok(Number(count) < MOST_BEFORE, `${count} runs began before it`);
});

/** Sends so many events of one site. */
async function sendMany(world: World, siteId: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - sent) }, () => world.send({ siteId })));
}

/** With the quiet event a whole number of pulls of 128: the next pull tells that all of them were taken. */
const BURST = 2_047;
/** The most of one site that are taken in at once. */
const IN_HAND = 56;

test('an event behind 2,047 of another site in EVENTS is stored with the next batch, and finished before most of them', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  await sendMany(world, 'noisy', BURST);
  const request = await world.send({ siteId: 'quiet' });
  await world.db.transaction().execute(async (tx) => {
    // Nothing is stored until all has been read.
    await sql`lock table events in exclusive mode`.execute(tx);
    await world.start(`${vendorsYaml('max_concurrency: 32')}${SUMMARY}`);
    const isRead = async (): Promise<boolean> => {
      const { num_pending, num_waiting } = await manager.consumers.info('EVENTS', 'enricher');
      return num_pending === 0 && num_waiting > 0;
    };
    await waitFor(isRead, { what: 'the backlog to be read' });
  });
  await world.result(request, 'summarize-post');
  const before = await world.db
    .selectFrom('events')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('site_id', '=', 'noisy')
    .where(({ eb, selectFrom }) =>
      eb('stored_at', '<', selectFrom('events').select('stored_at').where('request_id', '=', request)),
    )
    .executeTakeFirstOrThrow();
  assert.ok(Number(before.count) <= IN_HAND, `${before.count} of the other site were stored before it`);
  const finished = await world.db
    .selectFrom('results')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('site_id', '=', 'noisy')
    .executeTakeFirstOrThrow();
  assert.ok(Number(finished.count) < BURST / 4, `${finished.count} of the other site were finished before it`);
});
