import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Site } from '@pressferry/sites';
import { createLanes } from '@pressferry/worker';
import { createAgenda } from '../src/delivery/agenda.ts';
import { createEndpoints } from '../src/delivery/endpoints.ts';
import { createFleetWatch } from '../src/delivery/fleet.ts';
import { createPace } from '../src/delivery/pace.ts';
import { claimDue, type RoundDeps } from '../src/delivery/round.ts';
import { createWorld, type TestResult, type TestSite, type World, waiting } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const PROBES = { failures: 5, probeMinMs: 1_000, probeMaxMs: 1_000, goneHoldMs: 1_000 };
const LIMITS = { initial: 8, max: 8, slowMs: 500 };

/** What a round of callback works with. */
function roundDeps(...sites: TestSite[]): RoundDeps {
  const found = new Map(
    sites.map(({ siteId }) => [siteId, { siteId, status: 'active', callbackUrl: 'https://site.example/' } as Site]),
  );
  const lease = { isHeld: () => true, lost: new AbortController().signal, letGo: () => undefined };
  return {
    db: world.db,
    agenda: createAgenda(),
    lanes: createLanes({ leastPauseMs: 0 }),
    endpoints: createEndpoints(PROBES, createFleetWatch(), Math.random),
    pace: createPace(LIMITS),
    directory: { find: (siteId) => found.get(siteId) },
    leases: { keep: () => lease, refresh: async () => undefined },
    metrics: { deliveries: () => undefined },
    plan: { slots: { quick: 64, slow: 64 }, slowMs: 500, siteConcurrency: 8 },
    ...{ owner: 'test', leaseMs: 60_000, breakerFailures: 5, now: Date.now, random: Math.random },
    flushEndpoints: async () => undefined,
  };
}

/** Results with their deliveries, as a settlement stores them. */
async function dueResults(site: TestSite, count: number): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (let left = count; left > 0; left--) results.push(await world.result(site, { publish: false }));
  await world.db.insertInto('open_deliveries').values(results.map(waiting)).execute();
  return results;
}

test('a message about one result has all that its site has due claimed at once, and nothing of other sites', async () => {
  const [told, silent] = [await world.site(), await world.site()];
  const due = await dueResults(told, 5);
  await dueResults(silent, 5);
  const deps = roundDeps(told, silent);
  const answer = deps.agenda.announce(told.siteId, due.at(-1)?.resultId ?? '');
  const claimed = await claimDue([], deps);
  assert.deepEqual(claimed.map(({ claim }) => claim.resultId).sort(), due.map(({ resultId }) => resultId).sort());
  assert.equal(await answer, true);
  assert.equal(deps.agenda.isOpen(), false);
  assert.deepEqual(await claimDue([], deps), []);
});
