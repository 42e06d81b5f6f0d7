import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { waitFor } from '@pressferry/testing';
import { APICallError, generateText, streamText } from 'ai';
import { type LedgerView, startVendorSimulator, type VendorSimulator } from '../src/index.ts';

const CHAT = '/v1/chat/completions';
const CONTACTS = '/crm/v3/objects/contacts/batch/upsert';
/** The members of the vendors' answers that these tests read. */
interface Parsed extends LedgerView {
  data: [{ id: string }];
  error: { type: string };
  status: string;
  category: string;
  policyName: string;
  correlationId: string;
  numErrors: number;
  results: [{ id: string; new: boolean; properties: Record<string, string> }];
  errors: [{ context: { objectWriteTraceId: string[] } }];
  issues: unknown[];
}

const parse = async (response: Response | Promise<Response>) => (await (await response).json()) as Parsed;

const PROMPT = { model: 'simulated-1', messages: [{ role: 'user', content: 'Say hello to Ann' }] };

describe('the vendor simulator', () => {
  let vendor: VendorSimulator;
  before(async () => {
    vendor = await startVendorSimulator();
  });
  beforeEach(() => vendor.reset());
  after(() => vendor[Symbol.asyncDispose]());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(vendor.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: 'Bearer test-key', ...headers },
      signal: signal ?? null,
    });

  describe('as OpenAI', () => {
    const provider = () =>
      createOpenAICompatible({ name: 'sim', baseURL: `${vendor.url}/v1`, apiKey: 'test-key', includeUsage: true });

    test('answers the AI SDK, the same text for the same prompt, labelled as simulated', async () => {
      const ask = () => generateText({ model: provider()('simulated-1'), prompt: 'Say hello to Ann', maxRetries: 0 });
      const [first, second] = [await ask(), await ask()];
      assert.match(first.text, /^\[simulated\] Summary of 4 words/);
      assert.equal(first.text, second.text);
      assert.ok((first.usage.inputTokens ?? 0) > 0);
      assert.ok((first.usage.outputTokens ?? 0) > 0);
    });

    test('streams to the AI SDK the text that it would answer whole, with usage', async () => {
      const stream = streamText({ model: provider()('simulated-1'), prompt: 'Say hello to Ann', maxRetries: 0 });
      const whole = await generateText({ model: provider()('simulated-1'), prompt: 'Say hello to Ann' });
      assert.equal(await stream.text, whole.text);
      assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
    });

    test('ends a stream with [DONE]', async () => {
      const response = await post(CHAT, { ...PROMPT, stream: true });
      assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.ok((await response.text()).endsWith('data: [DONE]\n\n'));
    });

    test('gives its errors in the form that the AI SDK reads', async () => {
      vendor.setBehaviours({ chat: [{ status: 429, retryAfter: 7 }] });
      const failure = await generateText({ model: provider()('m'), prompt: 'x', maxRetries: 0 }).catch(
        (error) => error,
      );
      assert.ok(APICallError.isInstance(failure));
      assert.equal(failure.statusCode, 429);
      assert.equal(failure.isRetryable, true);
      assert.equal(failure.responseHeaders?.['retry-after'], '7');
      assert.match(failure.message, /Rate limit reached/);
    });

    test('refuses a call without a bearer key, and one without messages', async () => {
      const unauthorized = await post(CHAT, PROMPT, { authorization: '' });
      assert.equal(unauthorized.status, 401);
      assert.equal((await parse(unauthorized)).error.type, 'invalid_request_error');
      assert.equal((await post(CHAT, { model: 'm' })).status, 400);
      assert.equal(vendor.ledger().effects, 0);
    });

    test('lists its models', async () => {
      const response = await fetch(`${vendor.url}/v1/models`, { headers: { authorization: 'Bearer k' } });
      assert.equal((await parse(response)).data[0].id, 'simulated-1');
    });
  });

  describe('as HubSpot', () => {
    const contact = (id: string, more = {}) => ({ idProperty: 'email', id, properties: { firstname: 'Ann' }, ...more });

    test('upserts contacts: new once, known afterwards, under the same id', async () => {
      const first = await parse(post(CONTACTS, { inputs: [contact('ann@example.org')] }));
      const second = await parse(post(CONTACTS, { inputs: [contact('Ann@example.org')] }));
      assert.equal(first.status, 'COMPLETE');
      assert.deepEqual([first.results[0].new, second.results[0].new], [true, false]);
      assert.equal(first.results[0].id, second.results[0].id);
      assert.equal(first.results[0].properties.firstname, 'Ann');
    });

    test('refuses a batch with a bad input, or separates it if each input has a trace id', async () => {
      const refused = await post(CONTACTS, { inputs: [contact('ann@example.org'), contact('nobody')] });
      assert.equal(refused.status, 400);
      assert.equal((await parse(refused)).category, 'VALIDATION_ERROR');
      const inputs = [
        contact('ann@example.org', { objectWriteTraceId: 'a' }),
        contact('nobody', { objectWriteTraceId: 'b' }),
      ];
      const separated = await post(CONTACTS, { inputs });
      assert.equal(separated.status, 207);
      const body = await parse(separated);
      assert.deepEqual([body.results.length, body.numErrors], [1, 1]);
      assert.deepEqual(body.errors[0].context.objectWriteTraceId, ['b']);
    });

    test('gives 401 and 429 with category and correlation id', async () => {
      const unauthorized = await post(CONTACTS, { inputs: [] }, { authorization: '' });
      assert.equal(unauthorized.status, 401);
      assert.equal((await parse(unauthorized)).category, 'INVALID_AUTHENTICATION');
      vendor.setBehaviours({ contacts: [{ status: 429 }] });
      const limited = await parse(post(CONTACTS, { inputs: [contact('ann@example.org')] }));
      assert.equal(limited.policyName, 'TEN_SECONDLY_ROLLING');
      assert.match(limited.correlationId, /^[0-9a-f-]{36}$/);
    });
  });

  test('echoes a call without the headers that hold secrets', async () => {
    const text = await (await post('/http/echo', { a: 1 }, { 'x-custom': 'yes' })).text();
    assert.deepEqual(JSON.parse(text).body, { a: 1 });
    assert.equal(JSON.parse(text).headers['x-custom'], 'yes');
    assert.ok(!text.includes('test-key'));
  });

  describe('behaviours', () => {
    test('apply to as many calls as they say, one after the other, then the vendor is normal again', async () => {
      vendor.setBehaviours({ echo: [{ status: 503, times: 2 }, { status: 500 }] });
      const statuses: number[] = [];
      for (let call = 0; call < 4; call++) statuses.push((await post('/http/echo', {})).status);
      assert.deepEqual(statuses, [503, 503, 500, 200]);
    });

    test('latency delays the answer', async () => {
      vendor.setBehaviours({ echo: [{ latencyMs: 120 }] });
      const startedMs = performance.now();
      assert.equal((await post('/http/echo', {})).status, 200);
      assert.ok(performance.now() - startedMs >= 115);
    });

    test('a call given up during the latency has no effect', async () => {
      vendor.setBehaviours({ echo: [{ latencyMs: 60_000 }] });
      await assert.rejects(post('/http/echo', {}, {}, AbortSignal.timeout(50)), { name: 'TimeoutError' });
      await waitFor(() => vendor.ledger().entries[0]?.outcome === 'abandoned', { what: 'the call to be noted' });
      assert.equal(vendor.ledger().effects, 0);
    });

    test('a hung call never answers', async () => {
      vendor.setBehaviours({ echo: [{ hang: true }] });
      await assert.rejects(post('/http/echo', {}, {}, AbortSignal.timeout(100)), { name: 'TimeoutError' });
      assert.equal(vendor.ledger().entries[0]?.outcome, 'hung');
    });

    test('a connection cut before the headers is a network fault, with or without the effect', async () => {
      vendor.setBehaviours({ echo: [{ cut: 'before-headers' }, { cut: 'before-headers', effect: true }] });
      await assert.rejects(post('/http/echo', {}), TypeError);
      assert.equal(vendor.ledger().effects, 0);
      await assert.rejects(post('/http/echo', {}), TypeError);
      assert.equal(vendor.ledger().effects, 1);
    });

    test('a connection cut mid-body gives headers and then a fault, after the effect', async () => {
      vendor.setBehaviours({ echo: [{ cut: 'mid-body' }] });
      const response = await post('/http/echo', { some: 'body' });
      assert.equal(response.status, 200);
      await assert.rejects(response.text());
      assert.equal(vendor.ledger().effects, 1);
    });

    test('a malformed answer is a whole one that does not parse', async () => {
      vendor.setBehaviours({ chat: [{ malformed: true }] });
      const response = await post(CHAT, PROMPT);
      assert.equal(response.status, 200);
      await assert.rejects(response.json(), SyntaxError);
    });

    test('that make no sense are refused', async () => {
      const response = await fetch(`${vendor.url}/_sim/behaviours`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ echo: [{ status: 200 }], nowhere: [] }),
      });
      assert.equal(response.status, 400);
      assert.equal((await parse(response)).issues.length, 2);
    });
  });

  describe('the ledger', () => {
    test('keeps each call with its key and trace, and never the secret', async () => {
      const key = randomUUID();
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await post('/http/echo', { a: 1 }, { 'idempotency-key': key, traceparent });
      await post('/http/echo', { b: 2 });
      const view = await parse(fetch(`${vendor.url}/_sim/ledger?idempotencyKey=${key}`));
      assert.deepEqual([view.calls, view.effects], [1, 1]);
      const [entry] = view.entries;
      assert.deepEqual([entry?.traceparent, entry?.authorizationPresent, entry?.body], [traceparent, true, { a: 1 }]);
      assert.ok(!JSON.stringify(view).includes('test-key'));
    });

    test('tells a repeated effect from a replayed answer', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      await post('/http/echo', { a: 1 }, headers);
      await post('/http/echo', { a: 1 }, headers);
      assert.equal(vendor.ledger().keysWithRepeatedEffects, 1);

      vendor.reset();
      vendor.setBehaviours({ idempotent: true });
      const first = await (await post('/http/echo', { a: 1 }, headers)).text();
      const repeat = await post('/http/echo', { a: 1 }, headers);
      assert.equal(repeat.headers.get('idempotent-replayed'), 'true');
      assert.equal(await repeat.text(), first);
      assert.equal((await post('/http/echo', { a: 2 }, headers)).status, 409);
      const { calls, effects, keysWithRepeatedEffects } = vendor.ledger();
      assert.deepEqual(
        { calls, effects, keysWithRepeatedEffects },
        { calls: 3, effects: 1, keysWithRepeatedEffects: 0 },
      );
    });

    test('proves that work done behind a lost answer is not done again for the same key', async () => {
      vendor.setBehaviours({ idempotent: true, chat: [{ cut: 'before-headers', effect: true }] });
      const headers = { 'idempotency-key': randomUUID() };
      await assert.rejects(post(CHAT, PROMPT, headers));
      assert.equal((await post(CHAT, PROMPT, headers)).status, 200);
      const { calls, effects } = vendor.ledger({ idempotencyKey: headers['idempotency-key'] });
      assert.deepEqual({ calls, effects }, { calls: 2, effects: 1 });
    });

    test('stays bounded and keeps counting', async () => {
      const body = 'x'.repeat(20_000);
      const { createLedger } = await import('../src/ledger.ts');
      const ledger = createLedger();
      const entry = {
        endpoint: 'echo',
        idempotencyKey: null,
        traceparent: null,
        receivedAt: '',
        outcome: 'answered',
      } as const;
      const call = { ...entry, status: 200, effect: true, authorizationPresent: true, body };
      for (let count = 0; count < 20_000; count++) ledger.add(call);
      const view = ledger.view();
      assert.equal(view.calls, 20_000);
      assert.ok(view.entries.length <= 6_000);
      assert.deepEqual(view.entries[0]?.body, { truncated: true, characters: 20_002 });
      assert.equal(ledger.view({ limit: 3 }).entries.length, 3);
    });
  });
});
