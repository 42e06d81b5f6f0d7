import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shareOut } from './share.ts';

const candidates = fc.uniqueArray(
  fc.record({
    siteId: fc.string({ minLength: 1, maxLength: 3 }),
    allowance: fc.nat({ max: 8 }),
    isFailing: fc.boolean(),
  }),
  { selector: ({ siteId }) => siteId, maxLength: 20 },
);

test('the shares keep every bound and leave no slot idle that a site could use', () => {
  const bounds = fc.record({ least: fc.nat({ max: 8 }), most: fc.nat({ max: 32 }) });
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), bounds, (given, slots, forFailing) => {
      const shares = new Map(shareOut(given, slots, forFailing).map(({ siteId, quota }) => [siteId, quota]));
      const total = (of: typeof given) => of.reduce((sum, { siteId }) => sum + (shares.get(siteId) ?? 0), 0);
      const wanted = (of: typeof given) => of.reduce((sum, { allowance }) => sum + allowance, 0);
      const healthy = given.filter(({ isFailing }) => !isFailing);
      const failing = given.filter(({ isFailing }) => isFailing);
      const forThem = Math.min(wanted(failing), forFailing.most);
      assert.ok(given.every(({ siteId, allowance }) => (shares.get(siteId) ?? 0) <= allowance));
      assert.ok(total(failing) <= forFailing.most);
      assert.ok(total(failing) >= Math.min(forFailing.least, forThem, slots));
      assert.ok(total(healthy) >= Math.min(wanted(healthy), slots - Math.min(forFailing.least, forThem, slots)));
      assert.equal(total(given), Math.min(slots, wanted(healthy) + forThem));
    }),
  );
});

test('no healthy site gets two more than another that wants more', () => {
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), (given, slots) => {
      const healthy = given.filter(({ isFailing }) => !isFailing);
      const shares = new Map(
        shareOut(healthy, slots, { least: 0, most: 0 }).map(({ siteId, quota }) => [siteId, quota]),
      );
      const unmet = healthy.filter(({ siteId, allowance }) => (shares.get(siteId) ?? 0) < allowance);
      const most = Math.max(0, ...shares.values());
      return unmet.every(({ siteId }) => most - (shares.get(siteId) ?? 0) <= 1);
    }),
  );
});
