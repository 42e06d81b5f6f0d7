import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startStack } from '@pressferry/devstack';
import { quietOptions } from './stack.ts';

const run = promisify(execFile);

test('the client of the README, curl and openssl, sends an event and reads its result', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [, client] = /## Send one signed event[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme) ?? [];
  assert.ok(client, 'the README has no client');
  await using resources = new AsyncDisposableStack();
  const options = await quietOptions(resources);
  resources.use(await startStack(options));
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-readme-'));
  resources.defer(() => rm(folder, { recursive: true }));
  await symlink(options.dataDir, join(folder, '.pressferry'));
  const { PATH } = process.env;
  const { stdout } = await run('sh', ['-euc', client], {
    cwd: folder,
    env: { PATH: `${dirname(process.execPath)}:${PATH}` },
    timeout: 60_000,
  });
  const [accepted, results] = stdout.split('\n').map((line) => JSON.parse(line));
  assert.equal(accepted.status, 'accepted');
  assert.deepEqual(
    results.results.map(({ automation, status }: Record<string, string>) => [automation, status]),
    [['lead-to-crm', 'succeeded']],
  );
});
