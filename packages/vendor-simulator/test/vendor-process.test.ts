import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@pressferry/testing';
import type { LedgerView } from '../src/index.ts';

test('the simulator runs as a process: says where it listens, and ends at SIGTERM although a call hangs', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const url = /^listening (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
    assert.ok(url, line);
    const headers = { 'content-type': 'application/json' };
    const behaviours = JSON.stringify({ echo: [{ hang: true }] });
    await fetch(`${url}/_sim/behaviours`, { method: 'PUT', headers, body: behaviours });
    const hung = fetch(`${url}/http/echo`, { method: 'POST', headers, body: '{}' }).catch(() => 'cut');
    const calls = async () => ((await (await fetch(`${url}/_sim/ledger`)).json()) as LedgerView).calls;
    await waitFor(async () => (await calls()) === 1, { what: 'the hung call to be noted' });
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    assert.equal(await hung, 'cut');
  } finally {
    child.kill('SIGKILL');
  }
});
