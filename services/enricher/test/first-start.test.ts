import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('an enricher that is started again before the first event takes events in', async () => {
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const first = await world.start(yaml);
  const noted = async () => (await sql`select from intake_positions where sequence = 0`.execute(world.db)).rows.length;
  await waitFor(async () => (await noted()) === 1, { what: 'the position before the first message' });
  await first[Symbol.asyncDispose]();
  await world.start(yaml);
  assert.equal((await world.result(await world.send(), 'summarize-post')).status, 'succeeded');
});
