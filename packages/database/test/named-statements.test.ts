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

test('a statement that was planned while its table was empty does not read it whole once it is large', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await sql`create table things (thing uuid primary key, touched boolean, a text, b text, c text, d text, e text, f text)`.execute(
    db,
  );
  const touch = () =>
    sql`/* touch */ update things set touched = true
      from unnest(${['3f1c7a52-9d40-4e0b-8a3e-5d1f0c6b2a90']}::uuid[]) as input (thing) where things.thing = input.thing`.execute(
      db,
    );
  const wholeReads = async () => {
    await sql`select pg_stat_force_next_flush()`.execute(db);
    const { rows } = await sql`select seq_scan from pg_stat_user_tables where relname = 'things'`.execute(db);
    return rows;
  };
  await touch();
  await sql`insert into things select gen_random_uuid(), false from generate_series(1, 20000)`.execute(db);
  const before = await wholeReads();
  await touch();
  assert.deepEqual(await wholeReads(), before);
});
