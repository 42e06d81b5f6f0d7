import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { signedRequest, type TestSender } from '@pressferry/testing';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import type { Ingress } from '../src/app.ts';
import { headOf, wireForm } from '../test/wire.ts';
import { createWorld, post, type World } from '../test/world.ts';

let world: World;
let ingress: Ingress;
let site: TestSender;
/** Every body that was ever signed for the site, by its key: nothing else can be valid. */
const signed = new Map<string, string>();

before(async () => {
  world = await createWorld();
  ingress = await world.start();
  site = await world.site({}, ingress);
});
after(async () => {
  await ingress[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const OPEN_TOO_LONG_MS = 9_000;

/** Writes the pieces, says that no more will come, and resolves to all that the server wrote until it closed. */
async function exchange(pieces: readonly Buffer[]): Promise<string> {
  const { hostname, port } = new URL(ingress.apiUrl);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  // A reset is one of the ways in which a server closes.
  socket.on('error', () => undefined);
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(OPEN_TOO_LONG_MS) });
  socket.on('end', () => socket.end());
  for (const piece of pieces) socket.write(piece);
  socket.end();
  try {
    await closed;
  } finally {
    socket.destroy();
  }
  return Buffer.concat(chunks).toString('latin1');
}

async function holds(pieces: readonly Buffer[]): Promise<void> {
  const answers = await exchange(pieces);
  const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  assert.ok(
    statuses.every((status) => status < 500 || status === 503),
    answers,
  );
  const event = signedRequest(site);
  signed.set(event.idempotencyKey, event.body);
  const answer = await post(ingress, site, { event: event.event });
  assert.equal(answer.status, 202, 'a valid request afterwards is answered');
}

const piecesOf = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
};
const place = fc.integer({ min: 0, max: 1_000_000 });
const cuts = fc.array(place, { maxLength: 3 });

property(
  'arbitrary bytes crash nothing and are answered with nothing worse than 503',
  fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), cuts, async (bytes, at) => {
    await holds(piecesOf(Buffer.from(bytes), at));
  }),
);

/** Pieces of HTTP that mean something in the wrong place. */
const WORDS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    '\0',
    '\x7f',
    '\xff',
    '%00',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'ffffffffffffffff\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Expect: 100-continue\r\n',
    'Host: x\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Upgrade: h2c\r\nConnection: upgrade\r\n',
    'Trailer: x\r\n',
    'X-Signature: a\r\n',
    'Content-Encoding: gzip\r\n',
  ],
  ...[
    'GET /ingest/x HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/1.0',
    'HTTP/9.9',
    'OPTIONS *',
    '/../',
    '?',
    '#',
    'x'.repeat(20_000),
  ],
];

type Edit = readonly [kind: 'put' | 'cut' | 'byte' | 'double', at: number, word: string, length: number];
const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.constantFrom('put', 'cut', 'byte', 'double'),
  place,
  fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 4 })),
  fc.nat({ max: 40 }),
);

function edited(bytes: Buffer, [kind, place_, word, length]: Edit): Buffer {
  // Half of them hit the head's first lines, which have most of the meaning.
  const at = place_ % (place_ % 2 === 0 ? bytes.length + 1 : Math.min(bytes.length, 200) + 1);
  const [before, rest] = [bytes.subarray(0, at), bytes.subarray(at)];
  const put = Buffer.from(word, 'latin1');
  if (kind === 'put') return Buffer.concat([before, put, rest]);
  if (kind === 'cut') return Buffer.concat([before, rest.subarray(length)]);
  if (kind === 'byte') return Buffer.concat([before, put.subarray(0, 1), rest.subarray(1)]);
  return Buffer.concat([before, rest.subarray(0, length), rest]);
}

function signedForm(isChunked: boolean): Buffer {
  const request = signedRequest(site);
  signed.set(request.idempotencyKey, request.body);
  if (!isChunked) return Buffer.from(wireForm(request));
  const head = headOf(request, { 'content-length': undefined, 'transfer-encoding': 'chunked' });
  return Buffer.from(`${head}${Buffer.byteLength(request.body).toString(16)}\r\n${request.body}\r\n0\r\n\r\n`);
}

property(
  'a signed request with any of its bytes changed crashes nothing, and publishes nothing but what was signed',
  fc.asyncProperty(fc.boolean(), fc.array(edit, { maxLength: 4 }), cuts, async (isChunked, edits, at) => {
    await holds(piecesOf(edits.reduce(edited, signedForm(isChunked)), at));
  }),
);

property(
  'several requests on one connection, changed anywhere, crash nothing',
  fc.asyncProperty(
    fc.array(fc.boolean(), { minLength: 2, maxLength: 4 }),
    fc.array(edit, { maxLength: 3 }),
    cuts,
    async (forms, edits, at) => {
      const bytes = Buffer.concat(forms.map(signedForm));
      await holds(piecesOf(edits.reduce(edited, bytes), at));
    },
  ),
);

test('what the stream holds was signed, byte for byte, and is there once', async () => {
  const events = await world.events(site.siteId);
  assert.ok(events.length > 0);
  for (const { idempotencyKey, body } of events)
    assert.equal(Buffer.from(body).toString('utf8'), signed.get(idempotencyKey), idempotencyKey);
  assert.equal(new Set(events.map(({ idempotencyKey }) => idempotencyKey)).size, events.length);
});
