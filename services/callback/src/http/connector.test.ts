import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createTransport } from './transport.ts';

const requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  response.end('{}');
});
let port = 0;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
after(() => server.close());

const push = { body: '{}', headers: {} };
const signal = new AbortController().signal;
const bounds = { connectTimeoutMs: 500 };

const HOSTS = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '[::ffff:127.0.0.1]',
  '[::1]',
  '0',
  '0.0.0.0',
  'rebound.example',
];

test('no form of a loopback address is connected to by default', async () => {
  const resolve = async () => [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  await using transport = createTransport({ ...bounds, allowPrivate: false, resolve });
  for (const host of HOSTS) {
    const answer = await transport.send(new URL(`http://${host}:${port}/`), push, { signal, timeoutMs: 2_000 });
    assert.deepEqual(answer, { kind: 'fault', code: 'address_refused', detail: 'ADDRESS_REFUSED' }, host);
  }
  assert.deepEqual(requests, []);
});

test('private addresses are connected to where that is allowed', async () => {
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  await using transport = createTransport({ ...bounds, allowPrivate: true, resolve });
  const answer = await transport.send(new URL(`http://in-cluster.example:${port}/hook`), push, {
    signal,
    timeoutMs: 2_000,
  });
  assert.equal(answer.kind, 'response');
  assert.deepEqual(requests.splice(0), ['/hook']);
});
