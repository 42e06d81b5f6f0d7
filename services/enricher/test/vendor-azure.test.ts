// Azure OpenAI, as strict as its documentation: packages/vendor-simulator/README.md names it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ratingOf, SCORE, startProfile } from './profile.ts';

const ADDRESSES = [
  ['by deployment and version', 'azure', { api_version: '2024-10-21' }],
  ['at the address without versions', 'azure_v1', {}],
] as const;

for (const [what, endpoint, settings] of ADDRESSES)
  describe(`Azure ${what}`, () => {
    const start = (more: Record<string, unknown> = {}) =>
      startProfile('/azure', {
        ...{ kind: 'llm', provider: 'azure', api_key_env: 'KEY', model: 'writer', ...settings, ...more },
      });

    test('a deployment is called with its key in its own header', async () => {
      await using profile = await start();
      const { kind, output } = await profile.call({});
      assert.deepEqual([kind, output?.model], ['succeeded', 'writer']);
      assert.equal(profile.simulator.ledger({ endpoint }).calls, 1);
    });

    test('a deployment whose name does not show that its model reasons is asked as it takes it', async () => {
      await using profile = await start({ model: 'thinker' });
      const { kind } = await profile.call({ max_output_tokens: 90, temperature: 0.1 });
      const sent = profile.bodies().at(-1);
      assert.deepEqual([kind, sent?.max_completion_tokens, sent?.temperature], ['succeeded', 90, undefined]);
      assert.equal(profile.bodies().length, 3);
    });

    test('a prompt that the content filter refuses with 400 says so, and is not sent again', async () => {
      await using profile = await start();
      const { kind, code } = await profile.call({}, { title: '[violence]' });
      assert.deepEqual([kind, code, profile.bodies().length], ['failed', 'answer_filtered', 1]);
    });

    test('a schema is sent and met', async () => {
      await using profile = await start();
      const came = await profile.call({ answer: { schema: SCORE } });
      assert.equal(ratingOf(came), 'hot');
    });

    test('a rate limit waits in milliseconds, a deployment that is not there is final', async () => {
      await using profile = await start();
      profile.behave({ [endpoint]: [{ status: 429 }] });
      const limited = await profile.call({});
      assert.deepEqual([limited.kind, 'waitMs' in limited && limited.waitMs], ['wait', 1_000]);
      const absent = await profile.call({ model: 'absent' });
      assert.deepEqual([absent.code, absent.detail], ['vendor_refused', 'the vendor says DeploymentNotFound']);
    });
  });
