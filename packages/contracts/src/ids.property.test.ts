import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { eventMessageId, isSiteId, isUuidV4, requestId } from './ids.ts';
import { decodeEvent, type EventMessage, encodeEvent } from './messages.ts';
import { eventSubject, shardOf } from './subjects.ts';

const siteId = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,62}$/);
const key = fc.uuid({ version: 4 });

property(
  'a request id is a UUID of version 5 over the published namespace, the same at every repeat',
  fc.property(siteId, key, (site, idempotencyKey) => {
    const digest = createHash('sha1')
      .update(Buffer.from('4f1d6a0b9c3e5d7f8a2b1c0d9e8f7a6b', 'hex'))
      .update(`event:${site}:${idempotencyKey}`)
      .digest('hex');
    const variant = ((Number.parseInt(digest.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
    const hex = `${digest.slice(0, 12)}5${digest.slice(13, 16)}${variant}${digest.slice(18, 32)}`;
    assert.equal(requestId(site, idempotencyKey).replaceAll('-', ''), hex);
    assert.match(
      requestId(site, idempotencyKey),
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }),
);

property(
  'two events of different sites or keys never share a request id or a message id',
  fc.property(siteId, key, siteId, key, (site, one, otherSite, other) => {
    const isSame = site === otherSite && one === other;
    assert.equal(requestId(site, one) === requestId(otherSite, other), isSame);
    assert.equal(eventMessageId(site, one) === eventMessageId(otherSite, other), isSame);
  }),
);

const idLike = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.stringMatching(/^[a-z0-9_-]{0,65}$/),
  fc.tuple(siteId, fc.constantFrom('.', '*', '>', ' ', '\n', '\0', 'A', 'é', '/', ':')).map((parts) => parts.join('')),
);

property(
  'what passes for a site id or a key is one token of a subject and needs no escape in a header or a line of a log',
  fc.property(fc.oneof(idLike, siteId), fc.oneof(idLike, key), (site, idempotencyKey) => {
    if (isSiteId(site)) {
      assert.ok(
        [...site].every((unit) => 'abcdefghijklmnopqrstuvwxyz0123456789_-'.includes(unit)) && site.length <= 63,
      );
      assert.equal(eventSubject(0, site, 'order.paid').split('.').length, 6);
    }
    if (isUuidV4(idempotencyKey)) assert.ok(idempotencyKey.length === 36 && /^[0-9a-f-]+$/.test(idempotencyKey));
  }),
);

property(
  'every site has one shard, within the number of shards',
  fc.property(siteId, fc.integer({ min: 1, max: 64 }), (site, shards) => {
    const shard = shardOf(site, shards);
    assert.ok(Number.isInteger(shard) && shard >= 0 && shard < shards);
    assert.equal(shardOf(site, shards), shard);
  }),
);

const message: fc.Arbitrary<EventMessage> = fc.record({
  requestId: fc.uuid(),
  siteId,
  eventType: fc.constantFrom('order.paid', 'form.submitted'),
  objectRef: fc.string({ unit: 'grapheme', maxLength: 255 }),
  idempotencyKey: key,
  receivedAtMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  body: fc.uint8Array({ maxLength: 300 }),
  mode: fc.constantFrom('live', 'dry_run'),
});

property(
  'a stored event is read back as it was written, byte for byte',
  fc.property(message, (event) => {
    const read = decodeEvent(encodeEvent(event));
    assert.deepEqual({ ...read, body: [...read.body] }, { ...event, body: [...event.body] });
  }),
);

property(
  'bytes that are no event are refused by an error, or read as one that calls no vendor unless they say "live"',
  fc.property(
    message,
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }),
    (event, edits) => {
      const bytes = Uint8Array.from(encodeEvent({ ...event, mode: 'dry_run' }));
      for (const [place, byte] of edits) bytes[place % bytes.length] = byte;
      try {
        assert.ok(['live', 'dry_run'].includes(decodeEvent(bytes).mode));
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
      }
    },
  ),
);
