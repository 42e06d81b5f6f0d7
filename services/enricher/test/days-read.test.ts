import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, openDatabase } from '@pressferry/database';
import { daysRead, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { claimRuns } from '../src/db/claim-runs.ts';
import { readFailedRun } from '../src/db/failed-run.ts';
import { settleSteps } from '../src/db/settle-step.ts';
import { storeEvents } from '../src/db/store-events.ts';
import { markPublished, readUnpublished } from '../src/db/unpublished.ts';
import { newEvent, succeeded } from './journeys.ts';
import { testPostgres } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const LEASE = { owner: 'test', leaseMs: 60_000 };

interface Stored {
  events: ReturnType<typeof newEvent>[];
  runIds: string[];
}

interface Work {
  /** Those that are to be read of the rows' day only. */
  tables: readonly string[];
  /** Resolves to the work that is measured. */
  prepare: (db: Database, stored: Stored) => Promise<() => Promise<void>>;
}

const settle = (db: Database, { runIds }: Stored) =>
  settleSteps(
    db,
    runIds.map((run_id) => ({
      run: { run_id, lease_owner: LEASE.owner, traceparent: null },
      settlement: succeeded(),
    })),
  );

async function leaveUnpublished(db: Database, stored: Stored): Promise<{ resultId: string; filedAt: string }[]> {
  await settle(db, stored);
  const { rows } = await sql<{ resultId: string; filedAt: string }>`
    update results set published_at = null returning result_id as "resultId", filed_at::text as "filedAt"`.execute(db);
  return rows;
}

const WORK: Record<string, Work> = {
  'storing a repeat': {
    tables: ['events'],
    prepare: async (db, { events }) => {
      return async () => {
        const { stored } = await storeEvents(db, events);
        assert.deepEqual(new Set(stored.values()), new Set(['duplicate']));
      };
    },
  },
  claiming: {
    tables: ['events'],
    prepare: async (db, { runIds }) => {
      await sql`update open_runs set status = 'pending', lease_owner = null, lease_until = null`.execute(db);
      const lanes = [{ siteId: 'site-a', floor: '-infinity', quota: runIds.length }];
      const claim = { vendor: 'llm', limit: runIds.length, leaseMs: LEASE.leaseMs, lanes, takeOverUntil: null };
      return async () => assert.equal((await claimRuns(db, claim)).length, runIds.length);
    },
  },
  settling: {
    tables: ['events', 'past_runs', 'past_steps', 'step_attempts', 'results'],
    prepare: async (db, stored) => async () => assert.ok((await settle(db, stored)).every(Boolean)),
  },
  'reading unpublished results': {
    // They are found in one small index of each day.
    tables: ['events', 'past_runs'],
    prepare: async (db, stored) => {
      const unpublished = await leaveUnpublished(db, stored);
      return async () => assert.equal((await readUnpublished(db, 0, 100)).length, unpublished.length);
    },
  },
  'marking results as published': {
    tables: ['results'],
    prepare: async (db, stored) => {
      const unpublished = await leaveUnpublished(db, stored);
      return async () => assert.equal(await markPublished(db, unpublished), unpublished.length);
    },
  },
  'reading a failed run': {
    tables: ['events', 'past_runs', 'past_steps'],
    prepare: async (db, stored) => {
      await settle(db, stored);
      const [event, runId] = [stored.events[0], stored.runIds[0]];
      assert.ok(event && runId);
      return async () => assert.ok(await readFailedRun(db, { runId, filedAt: event.received_at }));
    },
  },
};

for (const [name, { tables, prepare }] of Object.entries(WORK))
  test(`${name} reads no other day than the event's`, async () => {
    await using database = await postgres.createDatabase();
    await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
    await sql`insert into sites (site_id, issuer, audience) values ('site-a', 'https://site', 'pressferry')`.execute(
      db,
    );
    const events = Array.from({ length: 8 }, () => newEvent('site-a'));
    const runIds = events.map(({ runs }) => runs[0]?.run_id ?? '');
    await storeEvents(db, events, { ...LEASE, runIds: new Set(runIds) });
    const work = await prepare(db, { events, runIds });
    const read = await daysRead((text) => sql.raw(text).execute(db), tables, work);
    const days = new Set(events.map(({ received_at }) => received_at.slice(0, 10).replaceAll('-', '')));
    assert.deepEqual(
      read.filter((partition) => !days.has(partition.slice(-8))),
      [],
    );
    if (name !== 'settling') assert.ok(read.length > 0);
  });
