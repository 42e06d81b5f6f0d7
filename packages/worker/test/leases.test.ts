import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '@pressferry/database';
import { startTestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { openLeases } from '../src/index.ts';

/** The usual time-out of a statement is longer. */
const LEASE_MS = 4_000;

test('a renewal that hangs is given up in time for another, on a connection that no pool shares', async () => {
  await using postgres = await startTestPostgres({ prepare: async () => undefined });
  await using database = await postgres.createDatabase();
  const errors: unknown[] = [];
  let renewals = 0;
  await using leases = openLeases<string>({
    url: database.url,
    worker: 'tester',
    leaseMs: LEASE_MS,
    renew: async (db, work) => {
      if (++renewals === 1) await sql`select pg_sleep(600)`.execute(db);
      return { held: new Set(work), postgresMs: Date.now() };
    },
    onError: (error) => errors.push(error),
  });
  const lease = leases.keep('work', performance.now());
  await waitFor(() => renewals > 0, { what: 'the first renewal' });
  await using watching = openDatabase({ url: database.url, applicationName: 'watching' });
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
    where application_name = 'pressferry-tester-leases'`.execute(watching);
  assert.deepEqual(rows, [{ count: 1 }]);
  await waitFor(() => renewals > 1, { what: 'another renewal', timeoutMs: 12_000 });
  assert.match(String(errors[0]), /statement timeout/);
  assert.equal(lease.lost.aborted, false);
});
