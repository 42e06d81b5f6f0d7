import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shareOut } from './share.ts';

const candidates = fc.uniqueArray(
  fc.record({
    siteId: fc.string({ minLength: 1, maxLength: 3 }),
    inFlight: fc.nat({ max: 8 }),
    allowance: fc.nat({ max: 8 }),
    isProven: fc.boolean(),
  }),
  { selector: ({ siteId }) => siteId, maxLength: 20 },
);

test('the shares keep every bound and leave no slot idle that a site could use', () => {
  const bounds = fc.record({ least: fc.nat({ max: 8 }), most: fc.nat({ max: 32 }), kept: fc.constant(0) });
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), bounds, (given, slots, forUnproven) => {
      const shares = new Map(shareOut(given, slots, forUnproven).map(({ siteId, quota }) => [siteId, quota]));
      const total = (of: typeof given) => of.reduce((sum, { siteId }) => sum + (shares.get(siteId) ?? 0), 0);
      const wanted = (of: typeof given) => of.reduce((sum, { allowance }) => sum + allowance, 0);
      const proven = given.filter(({ isProven }) => isProven);
      const unproven = given.filter(({ isProven }) => !isProven);
      const forThem = Math.min(wanted(unproven), forUnproven.most);
      assert.ok(given.every(({ siteId, allowance }) => (shares.get(siteId) ?? 0) <= allowance));
      assert.ok(total(unproven) <= forUnproven.most);
      assert.ok(total(unproven) >= Math.min(forUnproven.least, forThem, slots));
      assert.ok(total(proven) >= Math.min(wanted(proven), slots - Math.min(forUnproven.least, forThem, slots)));
      assert.equal(total(given), Math.min(slots, wanted(proven) + forThem));
    }),
  );
});

test('no proven site is given a slot while another that wants one has two fewer in flight', () => {
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), (given, slots) => {
      const proven = given.filter(({ isProven }) => isProven);
      const shares = new Map(
        shareOut(proven, slots, { least: 0, most: 0, kept: 0 }).map(({ siteId, quota }) => [siteId, quota]),
      );
      const totals = new Map(proven.map(({ siteId, inFlight }) => [siteId, inFlight + (shares.get(siteId) ?? 0)]));
      const unmet = proven.filter(({ siteId, allowance }) => (shares.get(siteId) ?? 0) < allowance);
      const most = Math.max(0, ...[...shares.keys()].map((siteId) => totals.get(siteId) ?? 0));
      return unmet.every(({ siteId }) => most - (totals.get(siteId) ?? 0) <= 1);
    }),
  );
});

test('a site that is alone takes every slot but those kept for others', () => {
  const alone = { siteId: 'large', inFlight: 0, allowance: 64, isProven: true };
  assert.deepEqual(shareOut([alone], 64, { least: 0, most: 32, kept: 0 }), [{ siteId: 'large', quota: 64 }]);
  assert.deepEqual(shareOut([alone], 64, { least: 0, most: 32, kept: 8 }), [{ siteId: 'large', quota: 56 }]);
});

test('the kept slots go to sites with nothing in flight, however much the others want', () => {
  const kept = fc.nat({ max: 16 });
  fc.assert(
    fc.property(candidates, fc.nat({ max: 64 }), kept, fc.boolean(), (some, slots, keptSlots, isProven) => {
      const given = some.map((one) => ({ ...one, isProven }));
      const rules = { least: 0, most: 64, kept: keptSlots };
      const shares = new Map(shareOut(given, slots, rules).map(({ siteId, quota }) => [siteId, quota]));
      const idle = given.filter(({ inFlight, allowance }) => inFlight === 0 && allowance > 0);
      const served = idle.filter(({ siteId }) => shares.has(siteId)).length;
      const total = [...shares.values()].reduce((sum, quota) => sum + quota, 0);
      assert.equal(served, Math.min(idle.length, slots));
      // Each of them takes at most one of the kept slots.
      assert.ok(total <= Math.max(served, slots - keptSlots));
    }),
  );
});
