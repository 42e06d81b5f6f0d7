import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createResolve } from '@pressferry/worker';
import { createTransport } from './transport.ts';

test('vendors whose name servers do not answer delay no other vendor', async () => {
  const nameServer = createSocket('udp4');
  let questions = 0;
  nameServer.on('message', () => questions++);
  nameServer.bind(0, '127.0.0.1');
  await once(nameServer, 'listening');
  const vendor = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const servers = [`127.0.0.1:${nameServer.address().port}`];
  await using transport = createTransport(createResolve({ servers, timeoutMs: 1_000 }));
  const call = (host: string) => {
    const url = `http://${host}:${(vendor.address() as AddressInfo).port}/`;
    return transport.send({ method: 'POST', url, headers: {}, timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) });
  };
  const dead = Promise.all(Array.from({ length: 20 }, (_, number) => call(`dead-${number}.example`)));
  const first = await Promise.race([dead, call('localhost')]);
  assert.ok(!Array.isArray(first) && first.kind === 'answered');
  for (const answer of await dead) assert.deepEqual(answer, { kind: 'fault', code: 'network_error' });
  assert.ok(questions >= 20);
  vendor.close();
  nameServer.close();
});
