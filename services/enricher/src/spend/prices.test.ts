import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { chatUsage } from '../content/usage.ts';
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
  // BerriAI/litellm issue 14849, which was billed as $0.7642 at the prices that it names.
  assert.equal(costMicros({ input: 1.25, output: 10, cachedInput: 0.625 }, tokens), 184_919);
});

test('tokens of a cached image are paid for once', () => {
  // BerriAI/litellm pull request 37407: grok-4.6, as xAI billed it (30920000 and 49100000 ticks).
  const price = { input: 2, output: 6, cachedInput: 0.5 };
  const input = { prompt_tokens: 2_461, prompt_tokens_details: { cached_tokens: 2_432, image_tokens: 1_142 } };
  for (const [completion_tokens, micros] of [
    [303, 3_092],
    [606, 4_910],
  ] as const) {
    const tokens = chatUsage({ ...input, completion_tokens, total_tokens: 2_461 + completion_tokens });
    assert.equal(tokens && costMicros(price, tokens), micros);
  }
});

test('a prompt above a length is paid for as a whole by the prices of its tier, cached input included', () => {
  const sonnet = price('claude-sonnet-4-5');
  assert.equal(costMicros(sonnet, { input: 200_000, output: 1_000 }), 600_000 + 15_000);
  assert.equal(costMicros(sonnet, { input: 200_001, output: 1_000 }), 1_200_006 + 22_500);
  assert.equal(costMicros(sonnet, { input: 200_001, cachedInput: 200_000, output: 0 }), 120_000 + 6);
  const gpt = price('gpt-5.5');
  assert.equal(costMicros(gpt, { input: 272_000, output: 100 }), 1_360_000 + 3_000);
  assert.equal(costMicros(gpt, { input: 300_000, cachedInput: 100_000, output: 100 }), 2_000_000 + 100_000 + 4_500);
  assert.equal(costMicros(price('claude-haiku-5-5'), { input: 100_001, output: 1_000 }), 50_001 + 2_500);
  const three = {
    ...{ input: 1, output: 1 },
    tiers: [
      { above: 20, input: 9, output: 9 },
      { above: 10, input: 3, output: 3 },
    ],
  };
  assert.deepEqual(
    [10, 11, 20, 21].map((input) => costMicros(three, { input, output: 0 })),
    [10, 33, 60, 189],
  );
});

test('a reservation is at the dearest tier which the request can reach, and no more', () => {
  const sonnet = price('claude-sonnet-4-5');
  assert.equal(mostMicros(sonnet, 200_000, 1_000), 750_000 + 15_000);
  assert.equal(mostMicros(sonnet, 200_001, 1_000), Math.ceil(200_001 * 7.5) + 22_500);
  // A price that falls with length: the call may stay in the first tier.
  const falling = { ...{ input: 5, output: 5 }, tiers: [{ above: 100, input: 1, output: 1 }] };
  assert.equal(mostMicros(falling, 1_000, 0), 5_000);
});

test('a model that is not in the table has no price, whatever its name begins with', () => {
  for (const model of ['llama3.2', 'gpt-4o-realtime', 'gpt-5-pro', 'my-gpt-4o', 'claude-haiku-5', 'constructor'])
    assert.equal(priceOf(model, {}), undefined);
  assert.equal(priceOf('gpt-4o-mini-2024-07-18', {})?.input, 0.15);
  assert.equal(priceOf('gpt-4o-2024-05-13', {})?.input, 5);
  assert.equal(priceOf('claude-opus-5-5-20260922', {})?.input, 4);
  assert.equal(priceOf('llama3.2', { 'llama3.2': { input: 0, output: 0 } })?.input, 0);
});

test('a reservation is never below the cost', () => {
  const text = 'ä€😀 Grüße '.repeat(50);
  const most = mostMicros(price('claude-sonnet-4-5'), Buffer.byteLength(text), 100);
  assert.ok(
    most >= costMicros(price('claude-sonnet-4-5'), { input: text.length, cacheWrite: text.length, output: 100 }),
  );
});

const rate = fc.double({ min: 0, max: 100, noNaN: true });
const maybe = fc.option(rate, { nil: undefined });
const rates = { input: rate, output: rate, cachedInput: maybe, cacheWrite: maybe };
const tiers = fc.array(fc.record({ ...rates, above: fc.integer({ min: 1, max: 2_000 }) }), { maxLength: 3 });
const counts = fc.record({
  plain: fc.nat(3_000),
  cachedInput: fc.nat(3_000),
  cacheWrite: fc.nat(3_000),
  output: fc.nat(500),
});
property(
  'a call never costs more than was reserved for it, whatever its tokens and prices',
  fc.property(fc.record({ ...rates, tiers }), counts, (any, { plain, ...tokens }) => {
    const input = plain + tokens.cachedInput + tokens.cacheWrite;
    assert.ok(costMicros(any, { input, ...tokens }) <= mostMicros(any, input, tokens.output));
  }),
);
