import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countSlots, type InFlight } from './slots.ts';

const entry = fc.record({ siteId: fc.constantFrom('a', 'b', 'c'), isProven: fc.boolean(), isSlow: fc.boolean() });
const settings = fc.record({ quick: fc.integer({ min: 1, max: 64 }), slow: fc.nat({ max: 64 }) });

test('slow attempts give their slots back, but never more of them than there is room for outside', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 100 }), settings, (inFlight, given) => {
      const { free, unprovenHeld, bySite } = countSlots(inFlight, given);
      const slow = inFlight.filter(({ isSlow }) => isSlow).length;
      const quick = inFlight.length - slow;
      assert.ok(free <= Math.max(0, given.quick - quick));
      assert.ok(free >= given.quick - quick - Math.max(0, slow - Math.floor(given.slow * 0.25)));
      assert.ok(free + inFlight.length <= given.quick + given.slow || free === 0);
      assert.ok(unprovenHeld >= inFlight.filter(({ isProven, isSlow }) => !isProven && !isSlow).length);
      assert.equal(
        [...bySite.values()].reduce((sum, count) => sum + count, 0),
        inFlight.length,
      );
    }),
  );
});

test('endpoints that hang leave room outside the slots for a proven site that slows down', () => {
  const hanging = Array.from({ length: 400 }, (): InFlight => ({ siteId: 'h', isProven: false, isSlow: true }));
  const before = countSlots(hanging, { quick: 500, slow: 256 }).free;
  const slow: InFlight = { siteId: 'p', isProven: true, isSlow: true };
  assert.equal(countSlots([...hanging, slow], { quick: 500, slow: 256 }).free, before);
});
