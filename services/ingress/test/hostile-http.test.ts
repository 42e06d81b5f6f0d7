import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLatch, type SignedRequest, signedRequest, waitFor } from '@pressferry/testing';
import { headOf, openWire, wireForm } from './wire.ts';
import { metric, post, startScene } from './world.ts';

const { world, ingress, site } = await startScene();

const chunked = ({ body }: SignedRequest): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const TE = { 'transfer-encoding': 'chunked', 'content-length': undefined };

describe('bytes that could be read in two ways are refused, and nothing of them is stored', () => {
  /** A signed request in each form; a server before us, or behind, may see another end of it than we do. */
  const FORMS: [name: string, form: (request: SignedRequest) => string][] = [
    ['Content-Length and Transfer-Encoding', (r) => headOf(r, { 'transfer-encoding': 'chunked' }) + chunked(r)],
    ['Transfer-Encoding and Content-Length', (r) => headOf(r, { ...TE, 'Content-Length': '3' }) + chunked(r)],
    ['Content-Length twice, equal', (r) => headOf(r, { 'Content-Length': String(r.body.length) }) + r.body],
    ['Content-Length twice, different', (r) => headOf(r, { 'Content-Length': '3' }) + r.body],
    ['Content-Length as a list', (r) => headOf(r, { 'content-length': `${r.body.length}, ${r.body.length}` }) + r.body],
    ['Content-Length with a sign', (r) => headOf(r, { 'content-length': `+${r.body.length}` }) + r.body],
    [
      'Content-Length in hexadecimal',
      (r) => headOf(r, { 'content-length': `0x${r.body.length.toString(16)}` }) + r.body,
    ],
    ['a negative Content-Length', (r) => headOf(r, { 'content-length': '-1' }) + r.body],
    ['a Content-Length beyond any number', (r) => headOf(r, { 'content-length': '9'.repeat(30) }) + r.body],
    ['a blank before the colon', (r) => headOf(r).replace('content-length:', 'content-length :') + r.body],
    ['an unknown transfer coding', (r) => headOf(r, { ...TE, 'transfer-encoding': 'xchunked' }) + chunked(r)],
    ['chunked, but not last', (r) => headOf(r, { ...TE, 'transfer-encoding': 'chunked, identity' }) + chunked(r)],
    ['Transfer-Encoding twice', (r) => headOf(r, { ...TE, 'Transfer-Encoding': 'identity' }) + chunked(r)],
    ['a folded header', (r) => headOf(r, { 'x-folded': 'a\r\n b' }) + r.body],
    ['a folded Transfer-Encoding', (r) => headOf(r, { ...TE, 'transfer-encoding': '\r\n chunked' }) + chunked(r)],
    ['bare line feeds', (r) => headOf(r).replaceAll('\r\n', '\n') + r.body],
    ['one bare line feed', (r) => headOf(r).replace('localhost\r\n', 'localhost\n') + r.body],
    ['a bare carriage return in a value', (r) => headOf(r, { 'x-odd': 'a\rb' }) + r.body],
    ['a NUL in a value', (r) => headOf(r, { 'x-odd': 'a\0b' }) + r.body],
    ['a header without a colon', (r) => headOf(r).replace('host: localhost', 'host localhost') + r.body],
    ['no Host', (r) => headOf(r, { host: undefined }) + r.body],
    ['a chunk size with a sign', (r) => headOf(r, TE) + chunked(r).replace(/^/, '+')],
    ['a chunk size in C notation', (r) => headOf(r, TE) + chunked(r).replace(/^/, '0x')],
    ['a chunk line that ends in a bare line feed', (r) => headOf(r, TE) + chunked(r).replace('\r\n', '\n')],
    [
      'a chunk longer than it says',
      (r) => headOf(r, TE) + chunked({ ...r, body: `${r.body}x` }).replace('x\r\n', 'xy\r\n'),
    ],
    ['a chunk size beyond any number', (r) => `${headOf(r, TE)}ffffffffffffffffff\r\n${r.body}`],
    ['HTTP/2 in the clear', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown version', (r) => headOf(r).replace('HTTP/1.1', 'HTTP/3.7') + r.body],
    ['an unknown method', (r) => headOf(r).replace('POST', 'STORE') + r.body],
    ['a request target with a blank', (r) => headOf(r).replace('/ingest', '/ingest a') + r.body],
    ['no HTTP at all', () => '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ];
  for (const [name, form] of FORMS) {
    test(name, async () => {
      using wire = await openWire(ingress.apiUrl);
      wire.write(Buffer.from(form(signedRequest(site)), 'latin1'));
      const answer = await wire.next();
      assert.deepEqual([answer.status, answer.code], [400, 'request_malformed']);
      assert.equal(answer.headers.connection, 'close');
      assert.equal(await wire.closed, '', 'nothing is read behind it');
    });
  }

  test('while the same in its one plain form is accepted, whole or in chunks', async () => {
    const other = await world.site({}, ingress);
    for (const form of [wireForm, (r: SignedRequest) => headOf(r, TE) + chunked(r)]) {
      using wire = await openWire(ingress.apiUrl);
      wire.write(form(signedRequest(other)));
      assert.equal((await wire.next()).status, 202);
    }
    assert.equal((await world.events(other.siteId)).length, 2);
  });

  test('a request hidden in a body is a body', async () => {
    const other = await world.site({}, ingress);
    const hidden = wireForm(signedRequest(other));
    using wire = await openWire(ingress.apiUrl);
    wire.write(wireForm(signedRequest(other, { body: hidden })));
    assert.equal((await wire.next()).code, 'body_not_json');
    wire.write(
      `GET /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(hidden)}\r\n\r\n${hidden}`,
    );
    assert.equal((await wire.next()).code, 'not_found');
    wire.write(wireForm(signedRequest(other)));
    assert.equal((await wire.next()).status, 202);
    assert.equal((await world.events(other.siteId)).length, 1);
  });

  test('each was counted once, and nothing of all that was stored', async () => {
    assert.equal(await metric(ingress, 'requests_total{outcome="request_malformed"}'), FORMS.length);
    assert.deepEqual(await world.events(site.siteId), []);
  });
});

test('what is broken behind a good request does not take the answer of it', async () => {
  const other = await world.site({}, ingress);
  using wire = await openWire(ingress.apiUrl);
  wire.write(`${wireForm(signedRequest(other))}no http\r\n\r\n`);
  const answer = await wire.next();
  assert.equal(answer.status, 202);
  assert.doesNotMatch(await wire.closed, /HTTP\/1\.1 (?!400)/);
  assert.equal((await world.events(other.siteId)).length, 1);
});

test('a flood of headers: 431 header_too_large, by their size and not by their number', async () => {
  using wire = await openWire(ingress.apiUrl);
  wire.write(headOf(signedRequest(site), { 'x-flood': 'x'.repeat(20_000) }));
  const answer = await wire.next();
  assert.deepEqual([answer.status, answer.code, answer.headers.connection], [431, 'header_too_large', 'close']);
  await wire.closed;
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x-${at}`, '1']));
  const other = await world.site({}, ingress);
  // Those that count come after a thousand others, and are seen.
  const { headers, body } = signedRequest(other);
  using second = await openWire(ingress.apiUrl);
  second.write(wireForm({ headers: { ...many, ...headers }, body }));
  assert.equal((await second.next()).status, 202);
});

test('more in flight than allowed: 503 overloaded with Retry-After at once, and the connection stays good', async () => {
  await using small = await world.start({ MAX_IN_FLIGHT: '2', PUBLISH_TIMEOUT_MS: '5000' });
  const sender = await world.site({}, small);
  using third = await openWire(small.apiUrl);
  process.kill(world.nats.pid, 'SIGSTOP');
  try {
    const stuck = [post(small, sender), post(small, sender)];
    await waitFor(async () => (await metric(small, 'in_flight_requests')) === 2, { what: 'two in flight' });
    third.write(wireForm(signedRequest(sender)));
    const answer = await third.next();
    assert.deepEqual([answer.status, answer.code, answer.headers.connection], [503, 'overloaded', 'keep-alive']);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    for (const { body } of await Promise.all(stuck)) assert.equal(body.code, 'stream_unavailable');
  } finally {
    process.kill(world.nats.pid, 'SIGCONT');
  }
  third.write(wireForm(signedRequest(sender)));
  assert.equal((await third.next()).status, 202);
});

test('senders of slow bodies take no place from one that is ready, and their bytes are bounded', async () => {
  await using small = await world.start({ MAX_IN_FLIGHT: '2', MAX_BUFFERED_BYTES: '262144' });
  const sender = await world.site({}, small);
  await using slow = new AsyncDisposableStack();
  for (let at = 0; at < 5; at++) {
    const wire = slow.use(await openWire(small.apiUrl));
    wire.write(headOf(signedRequest(sender)));
  }
  await waitFor(async () => (await metric(small, 'in_flight_requests')) === 5, { what: 'five in flight' });
  assert.equal((await post(small, sender)).status, 202);
  const filler = { event: { data: { form_id: '1', fields: { message: 'x'.repeat(200_000) } } } };
  const big = signedRequest(sender, filler);
  const begun = slow.use(await openWire(small.apiUrl));
  begun.write(headOf(big) + big.body.slice(0, 200_000));
  await waitFor(async () => (await metric(small, 'buffered_bytes')) > 190_000, { what: 'the first to be buffered' });
  assert.equal((await post(small, sender, filler)).body.code, 'overloaded');
  begun.write(big.body.slice(200_000));
  assert.notEqual((await begun.next()).code, 'overloaded');
});

test('more connections than allowed: 503 overloaded and closed for those that came last, and for no other', async () => {
  await using small = await world.start({ MAX_CONNECTIONS: '2' });
  const sender = await world.site({}, small);
  await waitFor(async () => (await metric(small, 'connections')) === 0, { what: 'no connection' });
  using first = await openWire(small.apiUrl);
  using second = await openWire(small.apiUrl);
  using third = await openWire(small.apiUrl);
  third.write(wireForm(signedRequest(sender)));
  const answer = await third.next();
  assert.deepEqual([answer.status, answer.code, answer.headers.connection], [503, 'overloaded', 'close']);
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  using fourth = await openWire(small.apiUrl);
  for (const wire of [first, second]) {
    wire.write(wireForm(signedRequest(sender)));
    assert.equal((await wire.next()).status, 202);
  }
  first.socket.destroy();
  await third.closed;
  await waitFor(async () => (await metric(small, 'connections')) === 2, { what: 'room again' });
  fourth.write(wireForm(signedRequest(sender)));
  assert.equal((await fourth.next()).status, 202, 'the room is given on');
});

test('connections that ask for nothing do not hold a shutdown up', async () => {
  const [longMs, graceMs] = ['120000', '600000'];
  const timeouts = { HEADERS_TIMEOUT_MS: longMs, REQUEST_TIMEOUT_MS: longMs, KEEP_ALIVE_TIMEOUT_MS: longMs };
  const other = await world.start({ ...timeouts, SHUTDOWN_GRACE_MS: graceMs });
  using silent = await openWire(other.apiUrl);
  using begun = await openWire(other.apiUrl);
  begun.write('POST /ingest HTTP/1.1\r\nhost: local');
  using kept = await openWire(other.apiUrl);
  kept.write(wireForm(signedRequest(await world.site({}, other))));
  assert.equal((await kept.next()).status, 202);
  // Neither a time-out nor the grace is waited for.
  const stopped = createLatch('ingress to stop');
  void other[Symbol.asyncDispose]().then(() => stopped.open());
  await stopped.wait(45_000);
  await Promise.all([silent.closed, begun.closed, kept.closed]);
  await assert.rejects(post(other, site));
});
