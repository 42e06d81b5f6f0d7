import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { startTestNats, startTestPostgres, type TestPostgres } from '../src/index.ts';

test('each test NATS server starts empty and takes persistent streams', async () => {
  await using server = await startTestNats();
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  assert.deepEqual(await manager.streams.list().next(), []);
  await manager.streams.add({ name: 'S', subjects: ['s.>'] });
  const ack = await jetstream(connection).publish('s.one', 'hello');
  assert.equal(ack.seq, 1);
  await connection.close();
});

describe('the test Postgres', () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startTestPostgres({ prepare: (url) => query(url, 'CREATE TABLE prepared (id int)') });
  });
  after(() => postgres[Symbol.asyncDispose]());

  test('gives each test its own database, copied from the prepared template', async () => {
    await using one = await postgres.createDatabase();
    await using two = await postgres.createDatabase();
    await query(one.url, 'INSERT INTO prepared VALUES (1)');
    assert.deepEqual(await query(one.url, 'SELECT id FROM prepared'), [{ id: 1 }]);
    assert.deepEqual(await query(two.url, 'SELECT id FROM prepared'), []);
  });

  test('drops a database although a client is still connected', async () => {
    const database = await postgres.createDatabase();
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    await database[Symbol.asyncDispose]();
    const left = await query(postgres.server.url, `SELECT 1 FROM pg_database WHERE datname = '${database.name}'`);
    assert.deepEqual(left, []);
  });

  test('is one server, shared by all who start it in this process', async () => {
    await using second = await startTestPostgres();
    assert.equal(second.server.pid, postgres.server.pid);
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
