import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLock } from '../src/wordpress/lock.ts';

test('of many who find the lock of a dead owner one at a time works', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-lock-'));
  try {
    const path = join(folder, 'lock');
    await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, born: 'long ago' }));
    let working = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++working);
      await new Promise((resolve) => setImmediate(resolve));
      working--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(path, { timeoutMs: 20_000 }, work)));
    assert.equal(most, 1);
    await assert.rejects(
      withLock(path, { timeoutMs: 0 }, () => withLock(path, { timeoutMs: -1 }, async () => undefined)),
      /waited -1 ms for .*, held by \d+/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
