import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLatch, waitFor } from '@pressferry/testing';
import type { Look } from '@pressferry/worker';
import type { HttpVendor } from '../automations/vendors.ts';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { createPool, type PoolDeps } from './pool.ts';

const vendor: HttpVendor = {
  ...{
    name: 'crm',
    kind: 'http',
    baseUrl: 'http://crm.example',
    auth: undefined,
    maxConcurrency: 4,
    timeoutMs: 1_000,
    rate: undefined,
  },
  retry: { maxAttempts: 3, baseMs: 100, capMs: 1_000 } as never,
  breaker: { failures: 5, openMs: 1_000 },
};

const runOf = (siteId: string, number: number) => ({ run_id: `${siteId}-${number}`, site_id: siteId }) as ClaimedRun;

const lookOf = (siteIds: string[]): Look => ({
  floors: new Map(siteIds.map((siteId) => [siteId, '-infinity'])),
  otherFloor: '-infinity',
  idle: new Set(),
  isWhole: true,
});

/** A pool whose claims bring what `claim` says, and whose runs end when the latch opens. */
function startPool(
  maxConcurrency: number,
  claim: (limit: number, number: number, siteIds: string[]) => Promise<ClaimedRun[]>,
  look: PoolDeps['look'] = async () => lookOf(['noisy']),
) {
  const ended = createLatch();
  const counts = { claims: 0, started: 0, inFlight: 0, most: 0, errors: [] as unknown[] };
  const pool = createPool(
    { ...vendor, maxConcurrency },
    {
      ...{ perSite: maxConcurrency, pollMs: 100, leaseMs: 1_000, onBlock: () => undefined, isReady: () => true },
      look,
      claim: async (_vendor, { limit, lanes }) => {
        const siteIds = lanes.map(({ siteId }) => siteId);
        const runs = await claim(limit, ++counts.claims, siteIds);
        return { runs, allowed: limit, waitMs: null };
      },
      work: async () => {
        counts.started++;
        counts.most = Math.max(counts.most, ++counts.inFlight);
        await ended.wait();
        counts.inFlight--;
      },
      untilReady: async () => undefined,
      onError: (error) => counts.errors.push(error),
    },
  );
  const stop = new AbortController();
  const running = pool.run(stop.signal);
  return {
    ...{ pool, counts, end: () => ended.open() },
    async [Symbol.asyncDispose]() {
      stop.abort();
      ended.open();
      await running;
      assert.deepEqual(counts.errors, []);
    },
  };
}

const runsOf = (siteId: string, count: number) => Array.from({ length: count }, (_, number) => runOf(siteId, number));

test('a run that is stored while a claim is under way takes no place that the claim may need', async () => {
  const claimed = createLatch();
  await using world = startPool(4, async (limit, number) => {
    if (number === 1) return [];
    await claimed.wait();
    return number === 2 ? runsOf('noisy', limit) : [];
  });
  await waitFor(() => world.counts.claims >= 1, { what: 'the first claim' });
  world.pool.kick('noisy');
  await waitFor(() => world.counts.claims === 2, { what: 'the claim' });
  const place = world.pool.reserve('quiet');
  claimed.open();
  await waitFor(() => world.counts.inFlight >= 4, { what: 'the claimed runs' });
  place?.begin(runOf('quiet', 0));
  assert.equal(world.counts.most, 4);
});

test('while the backlog of a site is claimed, a new run of another is begun at once, and a new one of its own waits', async () => {
  const claimed = createLatch();
  await using world = startPool(32, async (_limit, number) => {
    if (number > 1) await claimed.wait();
    return number === 2 ? runsOf('noisy', 24) : [];
  });
  await waitFor(() => world.counts.claims >= 1, { what: 'the first claim' });
  world.pool.kick('noisy');
  await waitFor(() => world.counts.claims === 2, { what: 'the claim' });
  assert.equal(world.pool.reserve('noisy'), null);
  const place = world.pool.reserve('quiet');
  assert.notEqual(place, null);
  place?.begin(runOf('quiet', 0));
  claimed.open();
  await waitFor(() => world.counts.inFlight === 25, { what: 'all runs' });
});

test('once a claim brings all that it asked for, new runs wait for their turn', async () => {
  const spared = createLatch();
  await using world = startPool(32, async (limit, number) => {
    if (number === 1) return runsOf('noisy', limit);
    await spared.wait();
    return [];
  });
  await waitFor(() => world.counts.claims === 2, { what: 'the claim of the places that were spared' });
  assert.equal(world.counts.inFlight, 30);
  assert.equal(world.pool.reserve('quiet'), null);
  spared.open();
  const isTaken = (): boolean => {
    const place = world.pool.reserve('quiet');
    place?.giveUp();
    return place !== null;
  };
  await waitFor(isTaken, { what: 'a place, once no other run waits' });
});

/** All runs of a full claim have ended, and the next claim is under way for runs that were left. */
async function startScarcePool() {
  const next = createLatch();
  let fullClaims = 0;
  let isDue = false;
  const claim = async (limit: number) => {
    if (!isDue) return [];
    if (++fullClaims === 1) return [runOf('a-quiet', 0), ...runsOf('noisy', limit - 1)];
    await next.wait();
    return [];
  };
  const world = startPool(32, claim, async () => lookOf(['a-quiet', 'noisy']));
  await waitFor(() => world.counts.claims >= 1, { what: 'the first claim' });
  world.pool.kick('noisy');
  world.pool.kick('a-quiet');
  isDue = true;
  await waitFor(() => fullClaims === 2, { what: 'the claim after the full one' });
  world.end();
  await waitFor(() => world.counts.inFlight === 0, { what: 'the ends of all runs' });
  return {
    ...world,
    async [Symbol.asyncDispose]() {
      next.open();
      await world[Symbol.asyncDispose]();
    },
  };
}

test('a site all of whose runs were claimed begins a new one at once, although the claim left runs of others', async () => {
  await using world = await startScarcePool();
  assert.equal(world.pool.reserve('noisy'), null);
  const place = world.pool.reserve('a-quiet');
  assert.notEqual(place, null);
  place?.begin(runOf('a-quiet', 1));
  await waitFor(() => world.counts.started === 31, { what: 'the new run' });
});

test('while runs wait, new ones of sites with nothing in flight take a sixteenth of the places and no more', async () => {
  await using world = await startScarcePool();
  const places = [world.pool.reserve('b'), world.pool.reserve('b'), world.pool.reserve('c'), world.pool.reserve('d')];
  assert.deepEqual(
    places.map((place) => place !== null),
    [true, false, true, false],
  );
  for (const place of places) place?.giveUp();
  const again = world.pool.reserve('d');
  assert.notEqual(again, null);
  again?.giveUp();
});

test('claims wait for the first look only: a later one may take long', async () => {
  const isOver = createLatch();
  let looks = 0;
  const look = async () => {
    if (++looks > 1) await isOver.wait();
    return lookOf(['noisy']);
  };
  await using world = startPool(
    4,
    async (_limit, _number, siteIds) => (siteIds.includes('quiet') ? [runOf('quiet', 1)] : []),
    look,
  );
  await waitFor(() => looks === 2, { what: 'the second look' });
  world.pool.kick('quiet');
  await waitFor(() => world.counts.inFlight > 0, { what: 'the run of a site that no look has found' });
  isOver.open();
});

test('a claim for places that are left goes on through all lanes', async () => {
  const all = Array.from({ length: 450 }, (_, number) => `site-${number}`);
  const seen = new Set<string>();
  const claim = async (_limit: number, _number: number, siteIds: string[]) => {
    for (const siteId of siteIds) seen.add(siteId);
    return [];
  };
  await using _world = startPool(4, claim, async () => lookOf(all));
  await waitFor(() => seen.size === all.length, { what: 'a claim of the last lane' });
});

test('after a look that failed, claims go on with the lanes that are known', async () => {
  let looks = 0;
  const look = async () => {
    if (++looks === 2) throw new Error('canceling statement due to statement timeout');
    return lookOf(['noisy']);
  };
  await using world = startPool(4, async () => [], look);
  await waitFor(() => world.counts.errors.length > 0, { what: 'the failed look' });
  const before = world.counts.claims;
  world.pool.kick('noisy');
  await waitFor(() => world.counts.claims > before, { what: 'a claim' });
  world.counts.errors.length = 0;
});
