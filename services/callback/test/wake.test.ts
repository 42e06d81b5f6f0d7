import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDatabase } from '@pressferry/database';
import type { Site } from '@pressferry/sites';
import { createLanes } from '@pressferry/worker';
import { sql } from 'kysely';
import { storeDeliveries } from '../src/db/intake.ts';
import { recordAttempts } from '../src/db/record.ts';
import { createAgenda } from '../src/delivery/agenda.ts';
import { createEndpoints } from '../src/delivery/endpoints.ts';
import { createFleetWatch } from '../src/delivery/fleet.ts';
import { createPace } from '../src/delivery/pace.ts';
import { type Claimed, claimDue, type RoundDeps } from '../src/delivery/round.ts';
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
    leases: { keep: () => lease, refresh: async () => undefined, takeOverUntil: () => null },
    metrics: { deliveries: () => undefined },
    plan: { slots: { quick: 64, slow: 64 }, slowMs: 500, siteConcurrency: 8 },
    ...{ owner: 'test', leaseMs: 60_000, breakerFailures: 5, random: Math.random },
    flushEndpoints: async () => undefined,
    onInterruption: (error) => assert.fail(String(error)),
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

test('while a busy site has all the attempts in flight that it may, another site has its delivery claimed', async () => {
  const [busy, quiet] = [await world.site(), await world.site()];
  await dueResults(busy, 40);
  const given = roundDeps(busy, quiet);
  const deps = { ...given, plan: { ...given.plan, slots: { quick: 32, slow: 0 }, siteConcurrency: 64 } };
  const claim = async (inFlight: Claimed[]): Promise<Claimed[]> => {
    const attempting = inFlight.map(({ claim: { siteId } }) => {
      return { siteId, isProven: true, begunAtMs: performance.now() };
    });
    return claimDue(attempting, deps);
  };
  const inFlight: Claimed[] = [];
  for (let before = -1; before < inFlight.length; ) {
    before = inFlight.length;
    deps.agenda.add([busy.siteId]);
    inFlight.push(...(await claim(inFlight)));
  }
  const [due] = await dueResults(quiet, 1);
  deps.agenda.add([quiet.siteId]);
  assert.deepEqual(
    (await claim(inFlight)).map(({ claim: { resultId } }) => resultId),
    [due?.resultId],
  );
});

test('a message about a result that another process has delivered writes nothing', async () => {
  const site = await world.site();
  const due = await dueResults(site, 3);
  const deps = roundDeps(site);
  deps.agenda.add([site.siteId]);
  const ended = { outcome: 'acknowledged', traceparent: null, next: { status: 'acknowledged' } } as const;
  const made = { owner: 'test', startedAtMs: 0, durationMs: 5, statusCode: 200, failureCode: null };
  const records = (await claimDue([], deps)).map(({ claim }) => ({ ...made, ...ended, ...claim }));
  assert.deepEqual(await recordAttempts(world.db, records), ['acknowledged', 'acknowledged', 'acknowledged']);
  const told = due.map(({ resultId, requestId, siteId }) => {
    return { resultId, requestId, siteId, status: 'pending' as const, replay: null };
  });
  await using db = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'test', poolSize: 1 });
  await sql`set default_transaction_read_only = on`.execute(db);
  assert.deepEqual(await storeDeliveries(db, told), ['duplicate', 'duplicate', 'duplicate']);
});
