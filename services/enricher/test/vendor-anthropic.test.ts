// Anthropic's messages, as strict as their documentation: packages/vendor-simulator/README.md names it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratingOf, SCORE, startProfile } from './profile.ts';

const start = (settings: Record<string, unknown> = {}) =>
  startProfile('/anthropic/v1', {
    ...{ kind: 'llm', provider: 'anthropic', api_key_env: 'KEY', model: 'claude-sonnet-4-5-simulated', ...settings },
  });

test('a message has its version, its bound and its system text where they belong', async () => {
  await using profile = await start();
  const { kind } = await profile.call({ max_output_tokens: 300, temperature: 0.5 });
  const sent = profile.bodies()[0];
  assert.deepEqual([kind, sent?.max_tokens, sent?.temperature], ['succeeded', 300, 0.5]);
  assert.match(JSON.stringify(sent?.system), /Be brief/);
});

test('a temperature that a model does not take is left out', async () => {
  await using profile = await start({ model: 'claude-opus-4-7-simulated' });
  assert.equal((await profile.call({ temperature: 0.2 })).kind, 'succeeded');
  assert.equal(profile.bodies().at(-1)?.temperature, undefined);
});

test('a schema is sent without the bounds that are refused, and they are checked here', async () => {
  await using profile = await start();
  const schema = { ...SCORE, properties: { rating: { type: 'string', maxLength: 4 } }, required: ['rating'] };
  const { code, kind } = await profile.call({ answer: { schema } });
  // Without the bound the simulated model writes too much, twice.
  assert.deepEqual([kind, code, profile.bodies().length], ['failed', 'malformed_answer', 2]);
  assert.equal((await profile.call({ answer: { schema: SCORE } })).kind, 'succeeded');
});

test('a schema without closed objects is closed on the way', async () => {
  await using profile = await start();
  const { additionalProperties: _closed, ...open } = SCORE;
  assert.equal((await profile.call({ answer: { schema: open } })).kind, 'succeeded');
  assert.equal(profile.bodies().length, 1);
});

test('JSON is asked for in words, because there is no mode of that name', async () => {
  await using profile = await start({ json_mode: 'words' });
  profile.behave({ messages: [{ says: 'fenced' }] });
  assert.match((await profile.call({ answer: 'json' })).code ?? '', /malformed_answer/);
  assert.match(JSON.stringify(profile.bodies()[0]?.system), /Answer in JSON/);
});

test('thoughts are separate blocks and are left out', async () => {
  await using profile = await start();
  profile.behave({ messages: [{ says: 'thoughts' }] });
  const came = await profile.call({ answer: { schema: SCORE } });
  assert.equal(ratingOf(came), 'hot');
});

test('a refusal, a cut and a call of a tool say what they are', async () => {
  await using profile = await start();
  const codes: (string | undefined)[] = [];
  for (const says of ['refusal', 'cut', 'tool_call', 'nothing'] as const) {
    profile.behave({ messages: [{ says }] });
    codes.push((await profile.call({})).code);
  }
  assert.deepEqual(codes, ['answer_refused', 'answer_cut', 'answer_tool_call', 'empty_answer']);
});

test('overload and rate limits are waits, want of money is held', async () => {
  await using profile = await start();
  profile.behave({ messages: [{ status: 529 }, { status: 429 }, { status: 402 }] });
  const came = [await profile.call({}), await profile.call({}), await profile.call({})];
  assert.deepEqual(
    came.map(({ kind, code }) => [kind, code]),
    [
      ['wait', 'vendor_unavailable'],
      ['wait', 'rate_limited'],
      ['hold', 'vendor_denied'],
    ],
  );
});

test('a model that is not there fails with the vendor’s word', async () => {
  await using profile = await start();
  const { code, detail } = await profile.call({ model: 'absent-1' });
  assert.deepEqual([code, detail], ['vendor_refused', 'the vendor says not_found_error']);
});
