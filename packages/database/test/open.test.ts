import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestPostgres, type TestPostgres } from '@pressferry/testing';
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
