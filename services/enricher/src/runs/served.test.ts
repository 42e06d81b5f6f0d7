import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { servedBy } from './served.ts';

const given = fc.array(fc.record({ due: fc.nat({ max: 6 }), quota: fc.integer({ min: 1, max: 4 }) }), { maxLength: 8 });

property(
  'a site is emptied only if all that it had due was taken, and of a claim that is not full each such site is',
  fc.property(given, fc.integer({ min: 1, max: 20 }), (sites, limit) => {
    const lanes = sites.map(({ due, quota }, at) => ({ siteId: `site-${at}`, due, quota }));
    const runs = lanes
      .flatMap(({ siteId, due, quota }) => Array.from({ length: Math.min(due, quota) }, () => ({ site_id: siteId })))
      .slice(0, limit);
    const isFull = runs.length === limit;
    const { emptied, last } = servedBy(lanes, runs, isFull);
    const left = lanes.filter(({ siteId, due }) => runs.filter(({ site_id }) => site_id === siteId).length < due);
    for (const { siteId } of left) assert.ok(!emptied.includes(siteId), `${siteId} has more`);
    assert.equal(last, isFull ? runs.at(-1)?.site_id : undefined);
    const most = lanes.filter(({ due, quota }) => due < quota).map(({ siteId }) => siteId);
    if (!isFull) assert.deepEqual(emptied, most);
  }),
);
