import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type BudgetOf, openDatabase, readBudgets, setBudget } from '@pressferry/database';
import { commitSpend, reserveSpend } from '../src/db/spend.ts';
import { testPostgres } from './world.ts';

const SCOPES: readonly BudgetOf[] = [
  { scope: 'all', name: '' },
  { scope: 'vendor', name: 'llm' },
  { scope: 'automation', name: 'summarize-post' },
  { scope: 'site', name: 'site-a' },
];

test('calls of two replicas that are reserved and settled at once, under eight budgets, wait for one another and never fail', async () => {
  await using postgres = await testPostgres();
  await using database = await postgres.createDatabase();
  await using one = openDatabase({ url: database.url, applicationName: 'one', poolSize: 16 });
  await using other = openDatabase({ url: database.url, applicationName: 'other', poolSize: 16 });
  for (const of of SCOPES)
    for (const period of ['day', 'month'] as const)
      await setBudget(one, { ...of, period, capMicros: 1e12, capTokens: null, onExhausted: 'hold' });
  const [workers, calls] = [64, 30];
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const db = worker % 2 === 0 ? one : other;
      for (let made = 0; made < calls; made++) {
        const reservationId = randomUUID();
        const of = made % 2 === 0 ? SCOPES : SCOPES.toReversed();
        await reserveSpend(db, { reservationId, runId: randomUUID(), of, micros: 5, tokens: 5 });
        await commitSpend(db, { reservationId, micros: 3, tokens: 3 });
      }
    }),
  );
  for (const { scope, period, spentMicros, reservedMicros } of await readBudgets(one))
    assert.deepEqual([spentMicros, reservedMicros], [3 * workers * calls, 0], `${scope} per ${period}`);
});
