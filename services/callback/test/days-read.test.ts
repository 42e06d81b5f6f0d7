import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, openDatabase } from '@pressferry/database';
import { daysRead, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { claimDeliveries } from '../src/db/claim.ts';
import { storeDeliveries } from '../src/db/intake.ts';
import { pollRequest, pollResults } from '../src/db/poll.ts';
import { recordAttempts } from '../src/db/record.ts';
import { sweepResults } from '../src/db/sweep.ts';
import { addDeliveries, BATCH, soon, type Waiting } from './waiting-deliveries.ts';
import { testPostgres } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

interface Work {
  /** Those that are to be read of the rows' day only. */
  tables: readonly string[];
  run: (db: Database, waiting: readonly Waiting[]) => Promise<void>;
  /** Without their open deliveries. */
  isMissing?: true;
  /** After the site has polled them. */
  isPolled?: true;
}

const siteOf = (waiting: readonly Waiting[]): string => waiting[0]?.siteId ?? '';

const poll = async (db: Database, waiting: readonly Waiting[]): Promise<void> => {
  const page = await pollResults(db, siteOf(waiting), { since: { xid: 0n, ordinal: 0n }, limit: BATCH });
  assert.equal(page.kind === 'page' ? page.polled : page.kind, BATCH);
};

const record = async (db: Database, waiting: readonly Waiting[], expected: string): Promise<void> => {
  const fields = {
    owner: 'test',
    startedAtMs: 0,
    durationMs: 5,
    statusCode: 500,
    failureCode: 'server_error',
  } as const;
  const ended = { outcome: 'retry', traceparent: null, next: { status: 'pending', delayMs: 0 } } as const;
  const records = waiting.map(({ filedAt, resultId }) => ({ ...fields, ...ended, filedAt, resultId }));
  assert.deepEqual(new Set(await recordAttempts(db, records)), new Set([expected]));
};

const WORK: Record<string, Work> = {
  claiming: {
    tables: ['results', 'attempts'],
    run: async (db, waiting) => {
      const share = { siteId: siteOf(waiting), quota: BATCH, floor: '-infinity' };
      const { claims } = await claimDeliveries(db, [share], { owner: 'other', leaseMs: 60_000, takeOverUntil: soon() });
      assert.equal(claims.length, BATCH);
    },
  },
  'recording attempts': {
    tables: ['past_deliveries', 'attempts'],
    run: (db, waiting) => record(db, waiting, 'pending'),
  },
  'recording attempts of polled deliveries': {
    tables: ['past_deliveries', 'attempts'],
    isPolled: true,
    run: (db, waiting) => record(db, waiting, 'polled'),
  },
  'making missing deliveries': {
    tables: ['events', 'results', 'past_deliveries', 'attempts'],
    isMissing: true,
    run: async (db, waiting) => {
      const fields = { status: 'pending', replay: null } as const;
      const deliveries = waiting.map(({ resultId, requestId, siteId }) => ({ ...fields, resultId, requestId, siteId }));
      assert.deepEqual(new Set(await storeDeliveries(db, deliveries)), new Set(['stored']));
    },
  },
  'sweeping missing deliveries': {
    // The results are found in one small index of each day.
    tables: ['events', 'past_deliveries', 'attempts'],
    isMissing: true,
    run: async (db) => assert.equal((await sweepResults(db, 0, async () => false)).made, BATCH),
  },
  polling: {
    // A site's results may be of any day.
    tables: ['events', 'past_deliveries', 'attempts'],
    isMissing: true,
    run: poll,
  },
  'polling one event': {
    tables: ['events', 'results', 'past_deliveries', 'attempts'],
    run: async (db, waiting) => {
      const { polled } = await pollRequest(db, siteOf(waiting), waiting[0]?.requestId ?? '');
      assert.equal(polled, 1);
    },
  },
};

for (const [name, { tables, run, isMissing, isPolled }] of Object.entries(WORK))
  test(`${name} reads no other day than the event's`, async () => {
    await using database = await postgres.createDatabase();
    await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
    const waiting = await addDeliveries(db);
    await sql`insert into event_keys (request_id, filed_at) select request_id, filed_at from events`.execute(db);
    if (isMissing === true) await sql`delete from open_deliveries`.execute(db);
    if (isPolled === true) await poll(db, waiting);
    const read = await daysRead(
      (text) => sql.raw(text).execute(db),
      tables,
      () => run(db, waiting),
    );
    const days = new Set(waiting.map(({ filedAt }) => filedAt.slice(0, 10).replaceAll('-', '')));
    assert.deepEqual(
      read.filter((partition) => !days.has(partition.slice(-8))),
      [],
    );
  });
