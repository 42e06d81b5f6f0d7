import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataPaths } from '../paths.ts';
import { lockDataDir } from './lock.ts';

async function temporary() {
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-lock-'));
  return { paths: dataPaths(dir), [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

test('a data directory has one owner at a time', async () => {
  await using folder = await temporary();
  {
    await using _lock = await lockDataDir(folder.paths);
    await assert.rejects(lockDataDir(folder.paths), { name: 'InUseError' });
  }
  await using _again = await lockDataDir(folder.paths);
});

test('a lock left by a kill is taken over, even if its process number belongs to another process now', async () => {
  await using folder = await temporary();
  const left = async () => JSON.parse(await readFile(folder.paths.lock, 'utf8')) as { pid: number; born: string };
  const mine = await lockDataDir(folder.paths);
  const { pid, born } = await left();
  await mine[Symbol.asyncDispose]();
  for (const stale of [{ pid, born: `${born}0` }, { pid: 2 ** 22 + 1, born }, 'rubbish']) {
    await writeFile(folder.paths.lock, JSON.stringify(stale));
    await using _lock = await lockDataDir(folder.paths);
    assert.deepEqual(await left(), { pid, born });
  }
});
