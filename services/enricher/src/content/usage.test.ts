import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costMicros } from '../spend/prices.ts';
import { chatUsage, messageUsage } from './usage.ts';

test('cached and written tokens are told apart, whichever name a vendor has for them', () => {
  const chat = { prompt_tokens: 262_960, completion_tokens: 1_744, total_tokens: 264_704 };
  const wanted = { input: 262_960, output: 1_744, cachedInput: 257_955 };
  assert.deepEqual(chatUsage({ ...chat, prompt_tokens_details: { cached_tokens: 257_955 } }), wanted);
  assert.deepEqual(chatUsage({ ...chat, prompt_cache_hit_tokens: 257_955, prompt_cache_miss_tokens: 5_005 }), wanted);
  assert.deepEqual(
    chatUsage({ prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cache_write_tokens: 8 } }),
    {
      ...{ input: 10, output: 1, cacheWrite: 8 },
    },
  );
  // BerriAI/litellm issue 9812: 3 in, 12,304 written, 550 out were billed with $0.0544.
  const message = messageUsage({
    input_tokens: 3,
    cache_creation_input_tokens: 12_304,
    cache_read_input_tokens: 0,
    output_tokens: 550,
  });
  assert.deepEqual(message, { input: 12_307, output: 550, cacheWrite: 12_304 });
  assert.equal(costMicros({ input: 3, output: 15, cacheWrite: 3.75 }, message), 54_399);
});

test('a call that came from the cache as a whole costs the price of the cache, and not ten times as much', () => {
  // Aider-AI/aider issues 5516 and 5518; a gateway that leaves cached tokens out of its sum.
  const price = { input: 3, output: 15, cachedInput: 0.3 };
  for (const prompt_tokens of [10_000, 0]) {
    const usage = chatUsage({
      prompt_tokens,
      completion_tokens: 100,
      prompt_tokens_details: { cached_tokens: 10_000 },
    });
    assert.equal(usage && costMicros(price, usage), 3_000 + 1_500);
  }
});

test('tokens of reasoning are paid for, in the sum of the answer or apart from it', () => {
  const details = { completion_tokens_details: { reasoning_tokens: 900 } };
  const apart = chatUsage({ prompt_tokens: 50, completion_tokens: 100, total_tokens: 1_050, ...details });
  const within = chatUsage({ prompt_tokens: 50, completion_tokens: 1_000, total_tokens: 1_050, ...details });
  assert.deepEqual(
    [apart, within],
    [
      { input: 50, output: 1_000 },
      { input: 50, output: 1_000 },
    ],
  );
});

test('numbers that no call can have are unknown, so what was reserved stays; a fraction is rounded up', () => {
  for (const absurd of [-1, 1e300, Number.POSITIVE_INFINITY, Number.NaN, 1e12, '12', {}, [7], true]) {
    for (const name of ['prompt_tokens', 'completion_tokens'])
      assert.equal(
        chatUsage({ prompt_tokens: 5, completion_tokens: 5, [name]: absurd }),
        undefined,
        `${name}: ${String(absurd)}`,
      );
    assert.equal(
      chatUsage({ prompt_tokens: 5, completion_tokens: 5, prompt_tokens_details: { cached_tokens: absurd } }),
      undefined,
    );
    for (const name of ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'])
      assert.equal(
        messageUsage({ input_tokens: 5, output_tokens: 5, [name]: absurd }),
        undefined,
        `${name}: ${String(absurd)}`,
      );
  }
  for (const nothing of [undefined, null, {}, [], 'none', { prompt_tokens: 0, completion_tokens: 0 }])
    assert.equal(chatUsage(nothing), undefined);
  assert.deepEqual(chatUsage({ prompt_tokens: 1.2, completion_tokens: 3, prompt_tokens_details: null }), {
    input: 2,
    output: 3,
  });
});
