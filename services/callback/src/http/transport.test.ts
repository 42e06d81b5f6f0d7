import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { createTransport, type Transport } from './transport.ts';

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
const push = { body: '{"a":1}', headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' } };
const never = new AbortController().signal;

const open = (): Transport => createTransport({ allowPrivate: true, connectTimeoutMs: 500, resolve });

async function serve(listener: RequestListener): Promise<AsyncDisposable & { url: URL }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('the answer comes back with what is decided by', async () => {
  await using site = await serve((_request, response) => {
    response
      .writeHead(429, { 'content-type': 'text/plain', 'retry-after': '7', 'x-signature': 'sha256=00' })
      .end('busy');
  });
  await using transport = open();
  assert.deepEqual(await transport.send(site.url, push, { signal: never, timeoutMs: 2_000 }), {
    kind: 'response',
    status: 429,
    contentType: 'text/plain',
    signature: 'sha256=00',
    retryAfter: '7',
    body: Buffer.from('busy'),
    isCut: false,
  });
});

test('an endless answer is read no further than its bound', async () => {
  await using site = await serve((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await using transport = open();
  const answer = await transport.send(site.url, push, { signal: never, timeoutMs: 2_000 });
  assert.ok(answer.kind === 'response' && answer.isCut && answer.body.length <= 65_536);
});

test('an answer that drips is given up in time', async () => {
  await using site = await serve((_request, response) => {
    const drip = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(drip));
  });
  await using transport = open();
  const begun = performance.now();
  assert.deepEqual((await transport.send(site.url, push, { signal: never, timeoutMs: 200 })).kind, 'fault');
  assert.ok(performance.now() - begun < 10_000);
});

test('each way of getting no answer has its code', async () => {
  // Only silence is to run into the time limit, however busy the machine is.
  await using transport = open();
  const codeAt = async (url: URL, timeoutMs = 20_000): Promise<string> => {
    const answer = await transport.send(url, push, { signal: never, timeoutMs });
    return answer.kind === 'fault' ? answer.code : `status ${answer.status}`;
  };
  await using silent = await serve(() => undefined);
  assert.equal(await codeAt(silent.url, 200), 'answer_timeout');
  await using rude = await serve((request) => request.socket.destroy());
  assert.equal(await codeAt(rude.url), 'connection_lost');
  await using cut = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half');
    setImmediate(() => response.destroy());
  });
  assert.equal(await codeAt(cut.url), 'connection_lost');
  const { port } = cut.url;
  await cut[Symbol.asyncDispose]();
  assert.equal(await codeAt(new URL(`http://127.0.0.1:${port}/`)), 'connect_failed');

  const noHttp = createTcpServer((socket) => void socket.on('error', () => undefined).end('SSH-2.0-OpenSSH\r\n'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => void noHttp.close());
  await new Promise<void>((resolve) => noHttp.listen(0, '127.0.0.1', resolve));
  const noHttpPort = (noHttp.address() as AddressInfo).port;
  assert.equal(await codeAt(new URL(`http://127.0.0.1:${noHttpPort}/`)), 'connection_lost');
  assert.equal(await codeAt(new URL(`https://127.0.0.1:${noHttpPort}/`)), 'tls_failed');
});

test('an attempt that is broken off rejects and leaves no answer', async () => {
  await using silent = await serve(() => undefined);
  await using transport = open();
  const breakOff = new AbortController();
  const sending = transport.send(silent.url, push, { signal: breakOff.signal, timeoutMs: 2_000 });
  breakOff.abort();
  await assert.rejects(sending);
  await assert.rejects(transport.send(silent.url, push, { signal: breakOff.signal, timeoutMs: 2_000 }));
});
