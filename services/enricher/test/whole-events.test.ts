import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { FORM, LEAD, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** What an event is stored into; the storing is broken off at each of them. */
const TABLES = ['event_keys', 'events', 'open_runs', 'open_steps'] as const;

for (const table of TABLES)
  test(`an event whose storing is broken off at ${table} is not there at all, and then with all of its runs and steps`, async () => {
    await using world = await startWorld(postgres);
    let request = '';
    await world.db.transaction().execute(async (tx) => {
      await sql`lock table ${sql.id(table)} in exclusive mode`.execute(tx);
      await world.start(`${vendorsYaml()}${LEAD}`);
      request = await world.send(FORM);
      const { pid } = await waitFor(() => waitingForLock(world), { what: 'the storing to wait for the lock' });
      await sql`select pg_terminate_backend(${pid})`.execute(world.db);
      await waitFor(async () => (await waitingForLock(world))?.pid !== pid, { what: 'the storing to be broken off' });
      assert.deepEqual(await stored(world), { event_keys: 0, events: 0, open_runs: 0, open_steps: 0 });
    });
    assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');
    const { rows } = await sql<{ runs: number; steps: number }>`
      select count(distinct run_id)::int as runs, count(step)::int as steps
      from events join runs using (request_id) join steps step using (run_id) where request_id = ${request}`.execute(
      world.db,
    );
    assert.deepEqual(rows, [{ runs: 1, steps: 2 }]);
  });

const waitingForLock = async ({ db }: World): Promise<{ pid: number } | undefined> => {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity
    where application_name = 'pressferry-enricher' and wait_event_type = 'Lock' and query like '/* store_events */%'`.execute(
    db,
  );
  return rows[0];
};

async function stored({ db }: World): Promise<Record<string, number>> {
  const counts = TABLES.map(async (table) => {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.id(table)}`.execute(db);
    return [table, rows[0]?.count ?? -1] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}
