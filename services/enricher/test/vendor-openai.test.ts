// OpenAI's chat completions, as strict as their documentation: packages/vendor-simulator/README.md names it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ratingOf, SCORE, startProfile } from './profile.ts';

interface Format {
  type: string;
  json_schema: { strict: boolean };
}

// Through `openai-compatible` too, for gateways in front of OpenAI: the SDK does not know the model behind a name there.
for (const provider of ['openai', 'openai-compatible'])
  describe(`OpenAI as ${provider}`, () => {
    const start = (settings: Record<string, unknown> = {}) =>
      startProfile('/v1', { kind: 'llm', provider, api_key_env: 'KEY', model: 'simulated-1', ...settings });

    test('a model that reasons gets its bound under the name that it takes, and no temperature', async () => {
      await using profile = await start({ model: 'gpt-5-simulated' });
      const step = { max_output_tokens: 200, temperature: 0.2 };
      assert.equal((await profile.call(step)).kind, 'succeeded');
      const sent = profile.bodies().at(-1);
      assert.deepEqual([sent?.max_completion_tokens, sent?.max_tokens, sent?.temperature], [200, undefined, undefined]);
    });

    test('what a refusal taught is known at the next call', async () => {
      await using profile = await start({ model: 'gpt-5-simulated' });
      await profile.call({ temperature: 0.2 });
      const before = profile.bodies().length;
      assert.equal((await profile.call({ temperature: 0.2 })).kind, 'succeeded');
      assert.equal(profile.bodies().length, before + 1);
    });

    test('a model that does not reason keeps its temperature', async () => {
      await using profile = await start();
      assert.equal((await profile.call({ temperature: 0.2 })).kind, 'succeeded');
      assert.equal(profile.bodies()[0]?.temperature, 0.2);
    });

    test('JSON is asked for with the word that is required, in one system message', async () => {
      await using profile = await start();
      const { kind, output } = await profile.call({ answer: 'json' });
      assert.deepEqual([kind, typeof output?.json], ['succeeded', 'object']);
      const messages = (profile.bodies()[0]?.messages ?? []) as { role: string }[];
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['system', 'user'],
      );
    });

    test('a schema goes to the vendor, strictly if it can be, and the answer meets it', async () => {
      await using profile = await start();
      const came = await profile.call({ answer: { schema: SCORE } });
      assert.equal(ratingOf(came), 'hot');
      const format = profile.bodies()[0]?.response_format as Format | undefined;
      assert.deepEqual([format?.type, format?.json_schema.strict], ['json_schema', true]);
    });

    test('a schema that the strict mode refuses is sent as a hint, and checked here', async () => {
      await using profile = await start();
      const { required: _all, ...loose } = SCORE;
      const { kind } = await profile.call({ answer: { schema: { ...loose, required: ['rating'] } } });
      const format = profile.bodies()[0]?.response_format as Format | undefined;
      assert.deepEqual([kind, format?.json_schema.strict], ['succeeded', false]);
    });

    test('an answer off its schema is asked to be repaired, once', async () => {
      await using profile = await start();
      profile.behave({ chat: [{ says: 'off_schema' }] });
      const repaired = await profile.call({ answer: { schema: SCORE } });
      assert.equal(ratingOf(repaired), 'hot');
      const [, again] = profile.bodies();
      assert.match(JSON.stringify(again?.messages), /must have required property 'rating'/);
      profile.simulator.reset();
      profile.behave({ chat: [{ says: 'off_schema', times: 5 }] });
      const lost = await profile.call({ answer: { schema: SCORE } });
      assert.deepEqual([lost.kind, lost.code, profile.bodies().length], ['failed', 'malformed_answer', 2]);
      assert.match(lost.detail ?? '', /schema at #\/required/);
    });

    test('JSON behind thoughts, in a fence or in parts meets its schema', async () => {
      await using profile = await start();
      for (const says of ['thoughts', 'fenced', 'parts'] as const) {
        profile.behave({ chat: [{ says }] });
        assert.equal((await profile.call({ answer: { schema: SCORE } })).kind, 'succeeded', says);
      }
    });

    test('a complete answer that is no use says why', async () => {
      await using profile = await start();
      const codes: (string | undefined)[] = [];
      for (const says of ['refusal', 'cut', 'filtered', 'tool_call', 'nothing'] as const) {
        profile.behave({ chat: [{ says }] });
        codes.push((await profile.call({})).code);
      }
      const expected = ['answer_refused', 'answer_cut', 'answer_filtered', 'answer_tool_call', 'empty_answer'];
      assert.deepEqual(codes, expected);
    });

    test('an answer longer than its bound is cut, and said to be', async () => {
      await using profile = await start();
      assert.equal((await profile.call({ max_output_tokens: 5 })).code, 'answer_cut');
    });

    test('a rate limit waits as long as it says, and want of money is the operator’s to fix', async () => {
      await using profile = await start();
      profile.behave({ chat: [{ status: 429 }, { status: 429, code: 'insufficient_quota' }] });
      const limited = await profile.call({});
      assert.deepEqual([limited.kind, limited.code], ['wait', 'rate_limited']);
      assert.equal('waitMs' in limited && limited.waitMs, 1_000);
      const poor = await profile.call({});
      assert.deepEqual([poor.kind, poor.code], ['hold', 'vendor_denied']);
    });

    test('an error under a 200 counts as what it says', async () => {
      await using profile = await start();
      profile.behave({ chat: [{ says: 'error' }] });
      const { kind, code } = await profile.call({});
      assert.deepEqual([kind, code], ['retry', 'vendor_unavailable']);
    });

    test('the next model of a list is asked if one is not there or too busy, and only then', async () => {
      await using profile = await start();
      const { output } = await profile.call({ model: ['absent-1', 'simulated-1'] });
      assert.equal(output?.model, 'simulated-1');
      profile.behave({ chat: [{ status: 503 }] });
      assert.equal(
        (await profile.call({ model: ['simulated-1', 'gpt-4o-simulated'] })).output?.model,
        'gpt-4o-simulated',
      );
      profile.behave({ chat: [{ says: 'refusal' }] });
      assert.equal((await profile.call({ model: ['simulated-1', 'gpt-4o-simulated'] })).code, 'answer_refused');
    });

    test('a model that is not there fails with the vendor’s word', async () => {
      await using profile = await start();
      const { code, detail } = await profile.call({ model: 'absent-1' });
      assert.deepEqual([code, detail], ['vendor_refused', 'the vendor says model_not_found']);
    });
  });
