import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { createResolve, ResolveError } from './resolve.ts';

test('name servers that do not answer are given up, and hold no thread of the process meanwhile', async () => {
  const blackHole = createSocket('udp4');
  await new Promise<void>((resolve) => blackHole.bind(0, '127.0.0.1', resolve));
  const resolve = createResolve({ servers: [`127.0.0.1:${blackHole.address().port}`], timeoutMs: 50 });
  const names = Array.from({ length: 20 }, (_, number) => `dead-${number}.example`);
  const dead = Promise.allSettled(names.map(resolve));
  // The hosts file is read on one of the process's four threads: it would have to wait for the twenty.
  const first = await Promise.race([dead, resolve('localhost')]);
  assert.ok(first.some((found) => 'address' in found && ['127.0.0.1', '::1'].includes(found.address)));
  for (const found of await dead) assert.ok(found.status === 'rejected' && found.reason instanceof ResolveError);
  blackHole.close();
});
