import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { encodeEvent } from './encode-event.ts';
import { EventSchema, Mode } from './gen/pressferry/v1/event_pb.ts';
import { decodeEvent, type EventMessage } from './messages.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const event: fc.Arbitrary<EventMessage> = fc.record({
  requestId: text,
  siteId: text,
  eventType: text,
  objectRef: text,
  idempotencyKey: text,
  receivedAtMs: fc.integer({ min: 0, max: 253_402_300_799_999 }),
  body: fc.uint8Array({ maxLength: 20_000 }),
  mode: fc.constantFrom('live', 'dry_run'),
});

test('an event is encoded byte for byte as the generated code encodes it, and read back the same', () => {
  fc.assert(
    fc.property(event, (message) => {
      const { receivedAtMs, mode, ...rest } = message;
      const wireMode = mode === 'live' ? Mode.LIVE : Mode.DRY_RUN;
      const generated = create(EventSchema, { ...rest, receivedAt: timestampFromMs(receivedAtMs), mode: wireMode });
      const encoded = encodeEvent(message);
      assert.deepEqual(Buffer.from(encoded), Buffer.from(toBinary(EventSchema, generated)));
      assert.deepEqual(
        { ...decodeEvent(encoded), body: Buffer.from(message.body) },
        { ...message, body: Buffer.from(message.body) },
      );
    }),
  );
});
