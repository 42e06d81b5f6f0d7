import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createResolve, ResolveError } from './resolve.ts';

test('name servers that do not answer are given up, and hold no thread of the process meanwhile', async () => {
  const blackHole = createSocket('udp4');
  await new Promise<void>((resolve) => blackHole.bind(0, '127.0.0.1', resolve));
  const resolve = createResolve({ servers: [`127.0.0.1:${blackHole.address().port}`], timeoutMs: 1_000 });
  const names = Array.from({ length: 20 }, (_, number) => `dead-${number}.example`);
  const dead = Promise.allSettled(names.map(resolve));
  // The hosts file is read on one of the process's four threads: it would have to wait for the twenty.
  const first = await Promise.race([dead, resolve('localhost')]);
  assert.ok(first.some((found) => 'address' in found && ['127.0.0.1', '::1'].includes(found.address)));
  for (const found of await dead) assert.ok(found.status === 'rejected' && found.reason instanceof ResolveError);
  blackHole.close();
});

test("a name of the hosts file is the system's to resolve, and no name server is asked", async () => {
  const server = createSocket('udp4');
  let questions = 0;
  server.on('message', () => questions++);
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-hosts-'));
  const hostsFile = join(folder, 'hosts');
  // The system takes this one for an address.
  await writeFile(hostsFile, '# 127.0.0.1 127.2\n127.0.0.1\tone.example 127.1 # two.example\n');
  const servers = [`127.0.0.1:${server.address().port}`];
  const resolve = createResolve({ servers, timeoutMs: 50, hostsFile });
  assert.deepEqual(await resolve('127.1'), [{ address: '127.0.0.1', family: 4 }]);
  assert.equal(questions, 0);
  await assert.rejects(resolve('127.2'), ResolveError);
  assert.ok(questions > 0);
  server.close();
  await rm(folder, { recursive: true });
});
