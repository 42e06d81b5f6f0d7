import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, migrate, openDatabase } from '@pressferry/database';
import { startTestPostgres, type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { watchDatabase } from '../src/index.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startTestPostgres({
    prepare: async (url) => {
      await using db = openDatabase({ url, applicationName: 'prepare' });
      await migrate(db);
    },
  });
});
after(() => postgres[Symbol.asyncDispose]());

/** A database, a superuser's pool on it, and its health with what it told. */
async function startWorld() {
  await using stack = new AsyncDisposableStack();
  const { name, url } = stack.use(await postgres.createDatabase());
  const db = stack.use(openDatabase({ url, applicationName: 'test', poolSize: 2, onError: () => undefined }));
  const changes: boolean[] = [];
  const health = stack.use(watchDatabase({ url, worker: 'tester', onChange: (isUp) => void changes.push(isUp) }));
  const resources = stack.move();
  return { name, db, health, changes, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const isUp = (health: { isUp: () => boolean }): Promise<unknown> => waitFor(() => health.isUp(), { what: 'health' });
const isDown = (health: { isUp: () => boolean }): Promise<unknown> =>
  waitFor(() => !health.isUp(), { what: 'the outage to be noticed' });

const setReadOnly = async (db: Database, name: string, isReadOnly: boolean): Promise<void> => {
  await db.connection().execute(async (one) => {
    await sql`set default_transaction_read_only = off`.execute(one);
    await sql`alter database ${sql.id(name)} set default_transaction_read_only = ${sql.lit(isReadOnly)}`.execute(one);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${name} and pid <> pg_backend_pid()`.execute(one);
  });
};

test('it is down until it has written, then up', async () => {
  await using world = await startWorld();
  assert.equal(world.health.isUp(), false);
  await world.health.untilUp(new AbortController().signal);
  assert.equal(world.health.isUp(), true);
  const rows = await world.db.selectFrom('worker_probes').select('worker').execute();
  assert.deepEqual(rows, [{ worker: 'tester' }]);
  assert.deepEqual(world.changes, [true]);
});

test('a database that answers reads but takes no writes is down, by itself, until it takes them again', async () => {
  await using world = await startWorld();
  await isUp(world.health);
  await setReadOnly(world.db, world.name, true);
  await isDown(world.health);
  assert.equal((await sql`select 1`.execute(world.db)).rows.length, 1);
  await setReadOnly(world.db, world.name, false);
  await isUp(world.health);
  assert.deepEqual(world.changes, [true, false, true]);
});

test('once suspected it is down until a write that began later succeeds', async () => {
  await using world = await startWorld();
  await isUp(world.health);
  await world.db.transaction().execute(async (tx) => {
    // The probe under way, or the next one, now waits for this lock.
    await sql`lock table worker_probes in exclusive mode`.execute(tx);
    world.health.suspect();
    assert.equal(world.health.isUp(), false);
    const waiting = sql`select from pg_locks where not granted and relation = 'worker_probes'::regclass`;
    await waitFor(async () => (await waiting.execute(world.db)).rows.length === 1, { what: 'a probe to wait' });
    world.health.suspect();
    assert.equal(world.health.isUp(), false);
  });
  await isUp(world.health);
  assert.deepEqual(world.changes, [true, false, true]);
});

test('a loaded pool does not make it look down, and a server that was killed makes it up again once it is back', async () => {
  await using world = await startWorld();
  await isUp(world.health);
  const slow = Promise.allSettled(Array.from({ length: 6 }, () => sql`select pg_sleep(0.7)`.execute(world.db)));
  await slow;
  assert.deepEqual(world.changes, [true]);
  await postgres.server.kill();
  await isDown(world.health);
  await postgres.server.restart();
  await isUp(world.health);
});

test('an abort ends the wait for a database that is down', async () => {
  await using world = await startWorld();
  await isUp(world.health);
  await postgres.server.kill();
  try {
    await isDown(world.health);
    const stop = new AbortController();
    const waiting = world.health.untilUp(stop.signal);
    stop.abort();
    await waiting;
    assert.equal(world.health.isUp(), false);
  } finally {
    await postgres.server.restart();
  }
});
