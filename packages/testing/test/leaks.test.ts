import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('a test file that never disposes its server fails, and the server is killed', async () => {
  const folder = await mkdtemp(join(import.meta.dirname, '.leak-'));
  try {
    const file = join(folder, 'leaky.ts');
    await writeFile(
      file,
      `import { test } from 'node:test';
       import { startTestNats } from '../../src/index.ts';
       test('leaks', async () => { const server = await startTestNats(); console.log('pid=' + server.pid); });`,
    );
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, LEAK_GRACE_MS: '500' };
    const failure = await promisify(execFile)(process.execPath, ['--test', file], { env, timeout: 60_000 }).then(
      () => assert.fail('the leaky file passed'),
      (error: Error & { stdout: string }) => error,
    );
    assert.match(failure.stdout, /leaked by this test file, never disposed: nats/);
    const pid = Number(/pid=(\d+)/.exec(failure.stdout)?.[1]);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
