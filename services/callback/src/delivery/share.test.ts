import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shareOut } from './share.ts';

const candidates = fc.uniqueArray(
  fc.record({
    siteId: fc.string({ minLength: 1, maxLength: 3 }),
    allowance: fc.nat({ max: 8 }),
    isProbe: fc.boolean(),
  }),
  { selector: ({ siteId }) => siteId, maxLength: 20 },
);

test('the shares keep every bound and leave no slot idle that a healthy site could use', () => {
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), fc.nat({ max: 32 }), (given, slots, probeSlots) => {
      const shares = new Map(shareOut(given, slots, probeSlots).map(({ siteId, quota }) => [siteId, quota]));
      const total = (of: typeof given) => of.reduce((sum, { siteId }) => sum + (shares.get(siteId) ?? 0), 0);
      const healthy = given.filter(({ isProbe }) => !isProbe);
      const probes = given.filter(({ isProbe }) => isProbe);
      const wanted = healthy.reduce((sum, { allowance }) => sum + allowance, 0);
      assert.ok(given.every(({ siteId, allowance }) => (shares.get(siteId) ?? 0) <= allowance));
      assert.ok(total(given) <= slots);
      assert.ok(total(probes) <= probeSlots);
      assert.equal(total(healthy), Math.min(wanted, slots));
    }),
  );
});

test('no healthy site gets two more than another that wants more', () => {
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), (given, slots) => {
      const healthy = given.filter(({ isProbe }) => !isProbe);
      const shares = new Map(shareOut(healthy, slots, 0).map(({ siteId, quota }) => [siteId, quota]));
      const unmet = healthy.filter(({ siteId, allowance }) => (shares.get(siteId) ?? 0) < allowance);
      const most = Math.max(0, ...shares.values());
      return unmet.every(({ siteId }) => most - (shares.get(siteId) ?? 0) <= 1);
    }),
  );
});
