import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Budget, openDatabase, readBudgets, resumeSpending, setBudget, stopSpending } from '@pressferry/database';
import { createLogger } from '@pressferry/runtime';
import { createLatch, type TestPostgres, waitFor } from '@pressferry/testing';
import { completion, startVendor } from '../../../tests/reports/vendor.ts';
import { commitSpend, type Priced, reserveSpend } from '../src/db/spend.ts';
import { watchSpend } from '../src/spend/spend.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const budget = (more: Partial<Budget> = {}): Budget => ({
  ...{ scope: 'all', name: '', period: 'day', capMicros: null, capTokens: null, onExhausted: 'hold', ...more },
});
const call = (micros: number): Priced => ({
  ...{ reservationId: randomUUID(), runId: randomUUID(), micros, tokens: micros },
  of: [
    { scope: 'all', name: '' },
    { scope: 'site', name: 'site-a' },
  ],
});

test('64 calls at once against a cap of 10 reserve exactly 10, over several connections and budgets', async () => {
  await using database = await postgres.createDatabase();
  await using first = openDatabase({ url: database.url, applicationName: 'one', poolSize: 16 });
  await using second = openDatabase({ url: database.url, applicationName: 'two', poolSize: 16 });
  await setBudget(first, budget({ capMicros: 10 }));
  await setBudget(first, budget({ scope: 'site', name: 'site-a', period: 'month', capTokens: 50 }));
  const calls = Array.from({ length: 64 }, (_, index) => reserveSpend(index % 2 === 0 ? first : second, call(1)));
  const refused = await Promise.all(calls);
  assert.equal(refused.filter((by) => by === null).length, 10);
  assert.deepEqual(
    refused.find((by) => by !== null),
    { scope: 'all', name: '', period: 'day', onExhausted: 'hold' },
  );
  const states = await readBudgets(first);
  assert.deepEqual(
    states.map(({ reservedMicros }) => reservedMicros),
    [10, 10],
  );
});

test('a process that starts makes no call before it knows what is stopped', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  await stopSpending(db, { scope: 'all', name: '' });
  const ready = Promise.withResolvers<void>();
  const logger = createLogger('enricher', 'silent');
  await using spend = watchSpend({ db, untilReady: () => ready.promise, logger, onRefused: () => undefined });
  const asked = spend.isStopped({ runId: randomUUID(), siteId: 'site-a', automation: 'a', vendor: 'v' });
  ready.resolve();
  assert.equal(await asked, true);
});

test('what a call did cost comes in the place of its reservation, once', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  await setBudget(db, budget({ capMicros: 100 }));
  const made = call(90);
  assert.equal(await reserveSpend(db, made), null);
  assert.notEqual(await reserveSpend(db, call(20)), null);
  for (let twice = 0; twice < 2; twice++) await commitSpend(db, { ...made, micros: 7, tokens: 7 });
  const [state] = await readBudgets(db);
  assert.deepEqual([state?.spentMicros, state?.reservedMicros, state?.spentTokens], [7, 0, 7]);
  assert.equal(await reserveSpend(db, call(93)), null);
});

test('a process that is killed between its call and the settlement leaves what it reserved', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  await setBudget(db, budget({ capMicros: 10 }));
  const module = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const code = `
    const { reserveSpend } = await import(${module('../src/db/spend.ts')});
    const { openDatabase } = await import(${module('../../../packages/database/src/index.ts')});
    const db = openDatabase({ url: ${JSON.stringify(database.url)}, applicationName: 'killed' });
    await reserveSpend(db, ${JSON.stringify(call(6))});
    console.log('reserved');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.notEqual(await reserveSpend(db, call(5)), null);
  assert.equal(await reserveSpend(db, call(4)), null);
});

const PRICED = vendorsYaml().replace(
  'model_env: LLM_MODEL',
  'model_env: LLM_MODEL\n    prices: { simulated-1: { input: 1, output: 1 } }',
);
const calls = (world: World): number => world.vendors.ledger({ endpoint: 'chat' }).calls;
/** Of one call of the automation: what it reserves, and what it costs. */
async function tokensOfOne(world: World): Promise<{ spent: number }> {
  await world.result(await world.send(), 'summarize-post');
  const spent = await waitFor(
    async () => {
      const [state] = await readBudgets(world.db);
      return state !== undefined && state.reservedTokens === 0 && state.spentTokens > 0 ? state.spentTokens : undefined;
    },
    { what: 'the settlement' },
  );
  return { spent };
}
/** Resolves once enricher must have read the budgets. */
const ratio = (opsUrl: string, isNow: (ratio: number) => boolean) =>
  waitFor(
    async () => {
      const text = await (await fetch(`${opsUrl}/metrics`)).text();
      return isNow(Number(/budget_used_ratio\{scope="all"\} ([\d.]+)/.exec(text)?.[1]));
    },
    { what: 'the budget to be known' },
  );

test('a budget holds what it does not allow, and lets it go on once it is raised', async () => {
  await using world = await startWorld(postgres);
  await setBudget(world.db, budget({ capMicros: 1_000_000 }));
  const { opsUrl } = await world.start(`${PRICED}${SUMMARY}`);
  await tokensOfOne(world);
  await setBudget(world.db, budget({ capMicros: 1 }));
  await ratio(opsUrl, (used) => used >= 1);
  const request = await world.send();
  await waitFor(() => world.log.some((line) => line.includes('budget of all')), { what: 'the step to be held' });
  assert.equal(calls(world), 1);
  const run = await world.db.selectFrom('runs').selectAll().where('request_id', '=', request).executeTakeFirst();
  assert.equal(run?.failure_code, null);
  await setBudget(world.db, budget({ capMicros: 1_000_000 }));
  await world.db.updateTable('open_runs').set({ due_at: new Date() }).where('request_id', '=', request).execute();
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

for (const [onExhausted, status, code] of [
  ['fail', 'failed', 'budget_exhausted'],
  ['skip', 'succeeded', undefined],
] as const)
  test(`an exhausted budget with ${onExhausted} ends the step at once, without a call`, async () => {
    await using world = await startWorld(postgres);
    await setBudget(world.db, budget({ scope: 'site', name: 'site-a', capTokens: 0, onExhausted }));
    await world.start(`${PRICED}${SUMMARY}`);
    const result = await world.result(await world.send(), 'summarize-post');
    assert.deepEqual([result.status, result.error?.code, calls(world)], [status, code, 0]);
    assert.equal((await world.result(await world.send({ siteId: 'site-b' }), 'summarize-post')).status, 'succeeded');
  });

test('a model without a price is refused under a budget in money, and counted under one in tokens', async () => {
  await using world = await startWorld(postgres);
  await setBudget(world.db, budget({ scope: 'vendor', name: 'llm', capMicros: 1_000_000 }));
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const result = await world.result(await world.send(), 'summarize-post');
  assert.deepEqual([result.error?.code, calls(world)], ['price_unknown', 0]);
});

test('a stop is in force within a second, and its end too', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${PRICED}${SUMMARY}`);
  await world.result(await world.send(), 'summarize-post');
  await stopSpending(world.db, { scope: 'automation', name: 'summarize-post' });
  await waitFor(
    async () => {
      const before = calls(world);
      await world.send();
      const isHeld = (): boolean => world.log.some((line) => line.includes('spending is stopped'));
      await waitFor(() => isHeld() || calls(world) > before, { what: 'a call or a hold' });
      return isHeld() && calls(world) === before;
    },
    { what: 'the stop', everyMs: 50, most: 20 },
  );
  await resumeSpending(world.db, { scope: 'automation', name: 'summarize-post' });
  const request = await world.send();
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

test('a stop that comes during a call is in force for the repair of its answer', async () => {
  await using world = await startWorld(postgres);
  await setBudget(world.db, budget({ capTokens: 1_000_000 }));
  const isStopKnown = createLatch('enricher to know the stop');
  await using vendor = await startVendor(async () => {
    await isStopKnown.wait(120_000);
    return { body: completion('{}') };
  });
  const schema = `{ schema: { type: object, properties: { summary: { type: string } }, required: [summary] } }`;
  const { opsUrl } = await world.start(`${PRICED.replace('base_url_env: LLM_BASE_URL', `base_url: ${vendor.url}/v1`)}
automations:
  - name: asked
    on: [post.published]
    steps: [{ name: ask, type: llm, vendor: llm, prompt: hi, answer: ${schema} }]
`);
  await world.send();
  await waitFor(() => vendor.calls.length === 1, { what: 'the call' });
  await stopSpending(world.db, { scope: 'vendor', name: 'llm' });
  // The second change is read in a round that began after the stop was stored: the first was known before.
  await setBudget(world.db, budget({ capTokens: 1 }));
  await ratio(opsUrl, (used) => used >= 1);
  await setBudget(world.db, budget({ capTokens: 1_000_000 }));
  await ratio(opsUrl, (used) => used < 1);
  isStopKnown.open();
  await waitFor(() => world.log.some((line) => line.includes('spending is stopped')), { what: 'the hold' });
  assert.equal(vendor.calls.length, 1);
});
