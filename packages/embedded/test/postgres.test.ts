import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { startPostgres } from '../src/index.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-pg-'));
  // Postgres runs as its own OS user when the tests run as root.
  await chmod(folder, 0o711);
});
after(() => rm(folder, { recursive: true }));

test('a killed Postgres comes back on its port with every committed row, and so does a new start on its data', async () => {
  const dataDir = join(folder, 'killed');
  let port: number;
  {
    await using server = await startPostgres({ dataDir });
    port = server.port;
    await query(server.url, 'CREATE TABLE kept (id int)');
    await query(server.url, 'INSERT INTO kept VALUES (1)');
    // A backend in the middle of its work must not keep the next start out.
    const busy = query(server.url, 'SELECT pg_sleep(60)').catch((error) => error);
    await server.kill();
    assert.ok((await busy) instanceof Error);
    await server.restart();
    assert.equal(server.port, port);
    assert.deepEqual(await query(server.url, 'SELECT id FROM kept'), [{ id: 1 }]);
    await server.kill();
  }
  await using again = await startPostgres({ dataDir, port });
  assert.equal(again.port, port);
  assert.deepEqual(await query(again.url, 'SELECT id FROM kept'), [{ id: 1 }]);
});

test('a lock file whose number now belongs to some other process does not keep it from starting', async () => {
  const dataDir = join(folder, 'stale');
  const first = await startPostgres({ dataDir, durable: false });
  await first.kill();
  // Postgres itself sees through the number of a process that is its parent, or another user's.
  const { uid, gid } = await stat(dataDir);
  const stranger = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
  await writeFile(join(dataDir, 'postmaster.pid'), `${stranger.pid}\n${dataDir}\n0\n1\n\n127.0.0.1\n\nready\n`);
  await using second = await startPostgres({ dataDir, durable: false });
  assert.deepEqual(await query(second.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  stranger.kill();
});

test('no one gets in without the password, which only its owner can read', async () => {
  const dataDir = join(folder, 'secret');
  await using server = await startPostgres({ dataDir, durable: false });
  const without = new URL(server.url);
  without.password = 'guess';
  await assert.rejects(query(without.href, 'SELECT 1'), { code: '28P01' });
  assert.equal((await stat(`${dataDir}.password`)).mode & 0o777, 0o600);
  assert.equal((await stat(dataDir)).mode & 0o077, 0);
});

test('writes are synced to disk unless a test says otherwise, and data pages carry checksums', async () => {
  await using durable = await startPostgres({ dataDir: join(folder, 'durable') });
  assert.deepEqual(await query(durable.url, 'SHOW fsync'), [{ fsync: 'on' }]);
  assert.deepEqual(await query(durable.url, 'SHOW data_checksums'), [{ data_checksums: 'on' }]);
});

test('data of another major version is refused by name, not touched', async () => {
  const dataDir = join(folder, 'old');
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
  await assert.rejects(startPostgres({ dataDir }), /made by Postgres 15, this is 18/);
});

test('an interrupted first start leaves nothing that the next one trips over', async () => {
  const dataDir = join(folder, 'interrupted');
  await mkdir(`${dataDir}.unfinished`);
  await writeFile(join(`${dataDir}.unfinished`, 'PG_VERSION'), '18\n');
  await using server = await startPostgres({ dataDir, durable: false });
  assert.deepEqual(await query(server.url, 'SELECT current_database() AS name'), [{ name: 'pressferry' }]);
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
