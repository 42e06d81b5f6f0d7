import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const GOLD = `
automations:
  - name: gold
    on: [post.published]
    when: site.labels.plan == 'gold' && event.data.title != ''
    steps: [{ name: summary, type: llm, vendor: llm, prompt: '{{ event.data.title }}' }]
`;

const label = (world: World, siteId: string, labels: Record<string, string>) =>
  world.db
    .updateTable('sites')
    .set({ labels: JSON.stringify(labels), updated_at: new Date() })
    .where('site_id', '=', siteId)
    .execute();

/** Sends an event of a site and says how many runs it began. */
async function runsOf(world: World, siteId: string): Promise<number> {
  const request = await world.send({ siteId });
  const isStored = () => world.db.selectFrom('events').select('request_id').where('request_id', '=', request).execute();
  await waitFor(async () => (await isStored()).length === 1, { what: 'the event to be stored' });
  return (await world.db.selectFrom('runs').select('run_id').where('request_id', '=', request).execute()).length;
}

test('a condition on a label holds for the sites that have it, from the first event of a process on', async () => {
  await using world = await startWorld(postgres);
  await label(world, 'site-a', { plan: 'gold' });
  await label(world, 'site-b', { plan: 'free' });
  await world.start(`${vendorsYaml()}${GOLD}`);
  assert.deepEqual(
    [await runsOf(world, 'site-a'), await runsOf(world, 'site-b'), await runsOf(world, 'quiet')],
    [1, 0, 0],
  );
});

test('a label that is given or taken is in force within two seconds', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${GOLD}`);
  assert.equal(await runsOf(world, 'site-a'), 0);
  await label(world, 'site-a', { plan: 'gold' });
  const options = { what: 'the label to be in force', everyMs: 100, most: 20 };
  await waitFor(async () => (await runsOf(world, 'site-a')) === 1, options);
  await label(world, 'site-a', {});
  await waitFor(async () => (await runsOf(world, 'site-a')) === 0, options);
});
