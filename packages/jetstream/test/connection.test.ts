import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTestNats, waitFor } from '@pressferry/testing';
import { openConnection } from '../src/index.ts';

const TOKEN = 'the-right-token';

let storeDir: string;
let nats: Awaited<ReturnType<typeof startTestNats>>;
let refusals = 0;
const resources = new AsyncDisposableStack();
before(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'pressferry-connection-'));
  resources.defer(() => rm(storeDir, { recursive: true, force: true }));
  const onLog = (line: string) => {
    if (line.includes('authentication error')) refusals++;
  };
  nats = resources.use(await startTestNats({ storeDir, authToken: TOKEN, onLog }));
});
after(() => resources.disposeAsync());

const urlWith = (token: string): string => nats.url.replace('//', `//${token}@`);

/** Has the server take another token, as an operator does: it drops the clients that came with the one before. */
async function takeToken(from: string, to: string): Promise<void> {
  const file = join(storeDir, 'nats-server.conf');
  await writeFile(file, (await readFile(file, 'utf8')).replace(from, to));
  process.kill(nats.pid, 'SIGHUP');
}

test('wrong credentials are told at the start', async () => {
  await assert.rejects(openConnection({ url: urlWith('wrong'), name: 'test' }), /authorization|authentication/i);
});

test('a connection whose credentials are refused for a time is back once they are taken again', async () => {
  await using connection = await openConnection({ url: urlWith(TOKEN), name: 'test' });
  refusals = 0;
  await takeToken(TOKEN, 'another-token');
  await waitFor(() => refusals >= 4, { what: 'four refused tries' });
  assert.equal(connection.isConnected(), false);
  await takeToken('another-token', TOKEN);
  await waitFor(() => connection.isConnected(), { what: 'the connection to be back' });
  await connection.nats.flush();
});
