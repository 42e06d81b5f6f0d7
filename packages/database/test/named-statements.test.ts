import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestPostgres, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { openDatabase } from '../src/index.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startTestPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a statement with a name is prepared once for the connection, others never', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  for (const number of [1, 2, 3]) {
    const { rows } = await sql<{ n: number }>`/* twice */ select 2 * ${number}::integer as n`.execute(db);
    assert.deepEqual(rows, [{ n: 2 * number }]);
    await sql`select ${number}::integer`.execute(db);
  }
  const { rows } = await sql`select name, generic_plans::integer from pg_prepared_statements`.execute(db);
  assert.deepEqual(rows, [{ name: 'twice', generic_plans: 3 }]);
});

test('after a statement that changed its meaning the connection is replaced', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  await sql`create table things (thing integer)`.execute(db);
  const read = sql`/* things */ select * from things`;
  await read.execute(db);
  await sql`alter table things alter column thing type bigint`.execute(db);
  await assert.rejects(read.execute(db), { code: '0A000' });
  assert.deepEqual((await read.execute(db)).rows, []);
});

test('one name for two texts is refused', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  await sql`/* same */ select 1`.execute(db);
  await assert.rejects(sql`/* same */ select 2`.execute(db), /must be unique/);
});
