import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costMicros, mostMicros, priceOf } from './prices.ts';

const price = (model: string) => priceOf(model, {}) ?? assert.fail(`no price of ${model}`);

test('tokens that the vendor wrote to its cache are priced as such', () => {
  // BerriAI/litellm issue 9812: 3 in, 12,304 written, 550 out were billed with $0.0544.
  const micros = costMicros(price('claude-sonnet-4-5-20250929'), { input: 12_307, cacheWrite: 12_304, output: 550 });
  assert.equal(micros, 54_399);
});

test('tokens from the cache are cheaper, and never free', () => {
  const tokens = { input: 262_960, cachedInput: 257_955, output: 1_744 };
  assert.equal(costMicros({ input: 2.5, output: 15, cachedInput: 0.25 }, tokens), 103_162);
  assert.equal(costMicros({ input: 2.5, output: 15 }, tokens), 683_560);
});

test('a model that is not in the table has no price, whatever its name begins with', () => {
  for (const model of ['llama3.2', 'gpt-4o-realtime', 'gpt-5-pro', 'my-gpt-4o', 'claude-haiku-5-5', 'constructor'])
    assert.equal(priceOf(model, {}), undefined);
  assert.equal(priceOf('gpt-4o-mini-2024-07-18', {})?.input, 0.15);
  assert.equal(priceOf('gpt-4o-2024-05-13', {})?.input, 5);
  assert.equal(priceOf('claude-opus-5-5-20260922', {})?.input, 4);
  assert.equal(priceOf('llama3.2', { 'llama3.2': { input: 0, output: 0 } })?.input, 0);
});

test('what is reserved is never below the cost', () => {
  const text = 'ä€😀 Grüße '.repeat(50);
  const most = mostMicros(price('claude-sonnet-4-5'), Buffer.byteLength(text), 100);
  assert.ok(
    most >= costMicros(price('claude-sonnet-4-5'), { input: text.length, cacheWrite: text.length, output: 100 }),
  );
});
