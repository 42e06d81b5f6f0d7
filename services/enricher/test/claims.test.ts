import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { claimRuns } from '../src/db/claim-runs.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('two workers never hold the same run', async () => {
  await using world = await startWorld(postgres);
  const enricher = await world.start(`${vendorsYaml()}${SUMMARY}`);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 'always' }] });
  for (let count = 0; count < 10; count++) await world.send({ siteId: `site-${count}` });
  await waitFor(async () => (await world.db.selectFrom('runs').select('run_id').execute()).length === 10, {
    what: 'ten runs',
  });
  await enricher[Symbol.asyncDispose]();
  await world.db
    .updateTable('open_runs')
    .set({ due_at: new Date(0) })
    .where('status', 'in', ['pending', 'waiting'])
    .execute();
  const open = await world.db
    .selectFrom('runs')
    .select('run_id')
    .where('status', 'in', ['pending', 'waiting'])
    .execute();
  const claim = {
    vendor: 'llm',
    limit: 6,
    leaseMs: 60_000,
    perSite: 4,
    inHandBySite: {},
    afterSite: '',
    takeLost: true,
  };
  const claims = await Promise.all([
    claimRuns(world.db, claim),
    claimRuns(world.db, claim),
    claimRuns(world.db, claim),
  ]);
  const rest = await claimRuns(world.db, { ...claim, limit: 100 });
  const ids = [...claims.flat(), ...rest].map(({ run_id }) => run_id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, open.length);
});
