import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgresNetwork, startTestPostgres, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { type Database, openDatabase } from '../src/index.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startTestPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const backendOf = async (db: Database): Promise<number | undefined> =>
  (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]?.pid;

test('a connection outlives a lull of minutes, with the plans that it has made, and not one of many', async (t) => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  // The pool sets its timer whenever a connection becomes idle: a real one would keep this process alive for as long.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const first = await backendOf(db);
  t.mock.timers.tick(4 * 60_000);
  assert.equal(await backendOf(db), first);
  t.mock.timers.tick(6 * 60_000);
  assert.notEqual(await backendOf(db), first);
});

test('a connection that says nothing is given up, its transaction too, and the next statement has another', async () => {
  await using database = await postgres.createDatabase();
  await using network = await startPostgresNetwork(database.url);
  await using db = openDatabase({ url: network.url, applicationName: 'test', poolSize: 1, replyWithinMs: 400 });
  const first = await backendOf(db);
  network.vanish();
  await assert.rejects(backendOf(db), /terminated/);
  const second = await backendOf(db);
  assert.notEqual(second, first);
  const transaction = db.transaction().execute(async (tx) => {
    await backendOf(tx);
    network.vanish();
    return backendOf(tx);
  });
  await assert.rejects(transaction);
  assert.notEqual(await backendOf(db), second);
});
