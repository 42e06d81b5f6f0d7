import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { isPublicAddress } from '@pressferry/sites';
import { createOutboundTransport } from './transport.ts';

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

const post = (url: string) => ({ method: 'POST', url, headers: {}, body: '{}' });
const signal = new AbortController().signal;
const options = { connectTimeoutMs: 500, maxAnswerBytes: 65_536, keepAliveMs: 2_000 };

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

test('no form of a loopback address passes a guard that allows public ones', async () => {
  const resolve = async () => [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  await using transport = createOutboundTransport({ ...options, isAllowed: isPublicAddress, resolve });
  for (const host of HOSTS) {
    const answer = await transport.send(post(`http://${host}:${port}/`), { signal, timeoutMs: 60_000 });
    assert.deepEqual(answer, { kind: 'fault', code: 'address_refused', detail: 'ADDRESS_REFUSED' }, host);
  }
  assert.deepEqual(requests, []);
});

test('without a guard every address is connected to, by its name', async () => {
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  await using transport = createOutboundTransport({ ...options, resolve });
  const url = `http://in-cluster.example:${port}/hook`;
  assert.equal((await transport.send(post(url), { signal, timeoutMs: 60_000 })).kind, 'answered');
  assert.deepEqual(requests.splice(0), ['/hook']);
});
