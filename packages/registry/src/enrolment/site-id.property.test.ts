import assert from 'node:assert/strict';
import { isSiteId } from '@pressferry/contracts';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { freeId, siteIdOf } from './site-id.ts';

property(
  'every home URL gives a site id that ingress takes, also once a number is put behind it',
  fc.property(
    fc.webUrl({ withFragments: false, withQueryParameters: false }),
    fc.integer({ min: 0, max: 9 }),
    (url, others) => {
      const id = siteIdOf(url);
      const taken = new Set([id, ...Array.from({ length: others }, (_, at) => `${id}-${at + 2}`)]);
      const free = freeId(id, taken);
      assert.ok(isSiteId(id), id);
      assert.ok(isSiteId(free) && !taken.has(free), free);
    },
  ),
);
