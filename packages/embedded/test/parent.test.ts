import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const PARENT = `
  import { resolveNatsServer, startNats, startPostgres } from ${JSON.stringify(join(import.meta.dirname, '../src/index.ts'))};
  const folder = process.argv[1];
  const binary = await resolveNatsServer({ cacheDir: folder });
  const nats = await startNats({ binary, storeDir: folder + '/nats' });
  const postgres = await startPostgres({ dataDir: folder + '/postgres', durable: false });
  console.log(JSON.stringify([nats.pid, postgres.pid]));
`;

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`when this process ends by ${signal}, its NATS and Postgres end too`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-parent-'));
    await chmod(folder, 0o711);
    const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', PARENT, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
      const pids = JSON.parse(line) as number[];
      assert.deepEqual(pids.map(isAlive), [true, true]);
      parent.kill(signal);
      await once(parent, 'exit');
      const deadline = Date.now() + 15_000;
      while (pids.some(isAlive) && Date.now() < deadline) await delay(20);
      assert.deepEqual(pids.map(isAlive), [false, false]);
    } finally {
      parent.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
