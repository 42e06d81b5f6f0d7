import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { decideRemoval, type Fill } from './room.ts';

const fill: fc.Arbitrary<Fill> = fc
  .record({
    firstSequence: fc.integer({ min: 1, max: 1_000_000 }),
    messages: fc.integer({ min: 0, max: 100_000 }),
    messageBytes: fc.integer({ min: 100, max: 300_000 }),
    maxBytes: fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 10_000_000_000 })),
    acknowledged: fc.integer({ min: -10, max: 110_000 }),
    outside: fc.integer({ min: -10, max: 110_000 }),
  })
  .map(({ firstSequence, messages, messageBytes, maxBytes, acknowledged, outside }) => ({
    ...{ firstSequence, messages, maxBytes, bytes: messages * messageBytes },
    acknowledgedUpTo: Math.max(0, firstSequence + Math.min(acknowledged, messages) - 1),
    outsideWindowUpTo: Math.max(0, firstSequence + Math.min(outside, messages) - 1),
  }));

property(
  'only acknowledged messages are removed, and within the duplicate window only those of a stream that is nearly full',
  fc.property(fill, (given) => {
    const removal = decideRemoval(given);
    if (removal === null) return;
    assert.ok(removal.upTo >= given.firstSequence);
    assert.ok(removal.upTo <= given.acknowledgedUpTo);
    const isNearlyFull = given.maxBytes > 0 && given.bytes > 0.8 * given.maxBytes;
    assert.equal(removal.reason, isNearlyFull ? 'pressure' : 'outside_window');
    if (!isNearlyFull) assert.ok(removal.upTo <= given.outsideWindowUpTo);
  }),
);

property(
  'a stream whose messages are all acknowledged is never left nearly full',
  fc.property(fill, (given) => {
    const all = { ...given, acknowledgedUpTo: given.firstSequence + given.messages - 1 };
    const removal = decideRemoval(all);
    if (all.maxBytes <= 0 || all.bytes <= 0.8 * all.maxBytes) return;
    assert.ok(removal);
    const left = all.bytes - (removal.upTo - all.firstSequence + 1) * (all.bytes / all.messages);
    assert.ok(left <= 0.6 * all.maxBytes + 1);
  }),
);
