import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createOutboundTransport, type OutboundTransport } from './transport.ts';

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
const post = (url: URL) => ({ method: 'POST', url, headers: { 'content-type': 'application/json' }, body: '{"a":1}' });
const never = new AbortController().signal;

const open = (): OutboundTransport =>
  createOutboundTransport({ connectTimeoutMs: 500, maxAnswerBytes: 65_536, keepAliveMs: 2_000, resolve });

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
  const answer = await transport.send(post(site.url), { signal: never, timeoutMs: 60_000 });
  assert.ok(answer.kind === 'answered');
  const { status, body, isCut, headers } = answer;
  assert.deepEqual(
    [status, String(body), isCut, headers['retry-after'], headers['x-signature']],
    [429, 'busy', false, '7', 'sha256=00'],
  );
});

test('a redirect is an answer, and is not followed', async () => {
  let requests = 0;
  await using site = await serve((_request, response) => {
    requests++;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await using transport = open();
  const answer = await transport.send(post(site.url), { signal: never, timeoutMs: 60_000 });
  assert.ok(answer.kind === 'answered' && answer.status === 307);
  assert.equal(requests, 1);
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
  const answer = await transport.send(post(site.url), { signal: never, timeoutMs: 60_000 });
  assert.ok(answer.kind === 'answered' && answer.isCut && answer.body.length <= 65_536);
});

test('an answer that drips is given up in time', async () => {
  await using site = await serve((_request, response) => {
    const drip = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(drip));
  });
  await using transport = open();
  // It would drip without end.
  assert.deepEqual((await transport.send(post(site.url), { signal: never, timeoutMs: 200 })).kind, 'fault');
});

test('each way of getting no answer has its code', async () => {
  // Only silence is to run into the time limit, however busy the machine is.
  await using transport = open();
  const codeAt = async (url: URL, timeoutMs = 60_000): Promise<string> => {
    const answer = await transport.send(post(url), { signal: never, timeoutMs });
    return answer.kind === 'fault' ? answer.code : answer.kind;
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

test('a handshake that never ends is bounded as a connection, and not by the time for the answer', async () => {
  const mute = createTcpServer((socket) => void socket.on('error', () => undefined));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => void mute.close());
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  await using transport = open();
  const url = new URL(`https://127.0.0.1:${(mute.address() as AddressInfo).port}/`);
  const answer = await transport.send(post(url), { signal: never, timeoutMs: 60_000 });
  assert.ok(answer.kind === 'fault' && answer.code === 'connect_timeout');
});

test('a request that is not wanted any more ends as aborted', async () => {
  await using silent = await serve(() => undefined);
  await using transport = open();
  const breakOff = new AbortController();
  const sending = transport.send(post(silent.url), { signal: breakOff.signal, timeoutMs: 60_000 });
  breakOff.abort();
  assert.deepEqual(await sending, { kind: 'aborted' });
  assert.deepEqual(await transport.send(post(silent.url), { signal: breakOff.signal, timeoutMs: 60_000 }), {
    kind: 'aborted',
  });
});

test('an answer that came while the process was stopped counts, although its time is over', async (t) => {
  const isAnswered = new Int32Array(new SharedArrayBuffer(4));
  const server = `
    const { createServer } = require('node:http');
    const { parentPort, workerData } = require('node:worker_threads');
    const server = createServer((request, response) => {
      response.on('finish', () => [Atomics.store(workerData, 0, 1), Atomics.notify(workerData, 0)]);
      parentPort.postMessage('asked');
      setTimeout(() => response.end('a'.repeat(20_000)), 50);
    });
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  `;
  const worker = new Worker(server, { eval: true, workerData: isAnswered });
  t.after(() => worker.terminate());
  const [port] = await once(worker, 'message');
  await using transport = open();
  const timeoutMs = 1_000;
  const begunMs = performance.now();
  const answer = transport.send(post(new URL(`http://127.0.0.1:${port}/`)), { signal: never, timeoutMs });
  await once(worker, 'message');
  Atomics.wait(isAnswered, 0, 0, 20_000);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, begunMs + timeoutMs + 50 - performance.now());
  const { kind, ...answered } = await answer;
  assert.equal(kind, 'answered', JSON.stringify(answered));
});
