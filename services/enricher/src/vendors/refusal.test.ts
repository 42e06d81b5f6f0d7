import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Answer } from '../model.ts';
import { refusal } from './refusal.ts';

const NOW_MS = Date.parse('2026-11-24T05:00:00Z');
const judged = (status: number, headers: Record<string, string> = {}, body = '') =>
  refusal({ kind: 'answered', status, headers, body }, NOW_MS);

test('a 2xx is not a refusal', () => {
  for (const status of [200, 201, 202, 204, 207, 299]) assert.equal(judged(status), null, String(status));
});

test('outages are tried again: network faults, 408, and 5xx except for what a vendor lacks', () => {
  for (const code of ['timeout', 'network_error'] as const)
    assert.equal(refusal({ kind: 'fault', code }, NOW_MS)?.kind, 'retry', code);
  for (const status of [408, 500, 502, 503, 504, 520, 599]) assert.equal(judged(status)?.kind, 'retry', String(status));
});

test('423, 425, 429, 477, 529, and any status with Retry-After, are waits', () => {
  for (const status of [423, 425, 429, 477, 529]) assert.equal(judged(status)?.kind, 'wait', String(status));
  for (const status of [400, 403, 404, 408, 409, 422, 500, 503])
    assert.deepEqual(pick(judged(status, { 'retry-after': '7' })), ['wait', 7_000], String(status));
  assert.deepEqual(pick(judged(429)), ['wait', undefined]);
  assert.deepEqual(pick(judged(429, { 'retry-after-ms': '20000' })), ['wait', 20_000]);
  assert.deepEqual(pick(judged(429, { 'x-ratelimit-reset-requests': '1m30s' })), ['wait', 90_000]);
  assert.deepEqual(pick(judged(400, { 'x-ratelimit-reset-requests': '1m30s' })), ['failed', undefined]);
});

test('a wait is for all runs if it is about the rate or the vendor, and for the one run if it is about what it touches', () => {
  for (const status of [429, 503, 529])
    assert.deepEqual(judged(status, { 'retry-after': '1' }), {
      ...judged(status, { 'retry-after': '1' }),
      isForAll: true,
    });
  for (const status of [409, 423, 425])
    assert.deepEqual(judged(status, { 'retry-after': '1' }), {
      ...judged(status, { 'retry-after': '1' }),
      isForAll: false,
    });
});

test('401, 402 and 403 are held for the operator, and so is a 429 for want of money', () => {
  for (const status of [401, 402]) assert.deepEqual(judged(status), hold(status, true));
  assert.deepEqual(judged(401, { 'retry-after': '1' }), hold(401, true));
  assert.deepEqual(judged(403), hold(403, false));
  assert.deepEqual(judged(429, {}, '{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}'), {
    ...hold(429, true),
    detail: 'the vendor says insufficient_quota',
  });
});

test('a conflict is final, unless it is about the Idempotency-Key', () => {
  assert.deepEqual(judged(409, {}, '{"category":"CONFLICT"}'), {
    kind: 'failed',
    code: 'vendor_conflict',
    statusCode: 409,
    detail: 'the vendor says CONFLICT',
  });
  const inProcess = judged(409, {}, '{"error":{"type":"idempotency_error"}}');
  assert.deepEqual([inProcess?.kind, inProcess?.kind === 'retry' && inProcess.maxAttempts], ['retry', 10]);
});

test('redirects, and whatever else a vendor refuses, are final', () => {
  for (const status of [301, 302, 307, 308]) assert.equal(code(judged(status)), 'redirected', String(status));
  for (const status of [400, 404, 405, 406, 410, 411, 413, 414, 415, 422, 451, 501, 505])
    assert.equal(code(judged(status)), 'vendor_refused', String(status));
  assert.equal(refusal({ kind: 'fault', code: 'answer_too_large' }, NOW_MS)?.kind, 'failed');
});

test("the vendor's own word is told, and nothing else of what it says", () => {
  const said = (body: string) => {
    const outcome = judged(400, {}, body);
    return outcome?.kind === 'failed' ? outcome.detail : undefined;
  };
  assert.equal(
    said('{"error":{"code":"context_length_exceeded","message":"secret"}}'),
    'the vendor says context_length_exceeded',
  );
  assert.equal(said('{"category":"VALIDATION_ERROR","message":"ada@example.com"}'), 'the vendor says VALIDATION_ERROR');
  assert.equal(said('{"error":{"code":null,"type":"invalid_request_error"}}'), 'the vendor says invalid_request_error');
  for (const body of [
    '',
    'nonsense',
    '{"error":"ada@example.com"}',
    '{"code":"+49 151 23456789"}',
    '{"error":"Ada Lovelace"}',
    '[]',
  ])
    assert.equal(said(body), undefined, body);
});

test('every answer has one outcome, whatever it holds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 999 }),
      fc.string(),
      fc.dictionary(fc.constantFrom('retry-after', 'retry-after-ms'), fc.string()),
      (status, body, headers) => {
        const outcome = refusal({ kind: 'answered', status, headers, body } satisfies Answer, NOW_MS);
        assert.equal(outcome === null, status >= 200 && status < 300);
      },
    ),
  );
});

type Outcome = ReturnType<typeof refusal>;
const pick = (outcome: Outcome) => [outcome?.kind, outcome?.kind === 'wait' ? outcome.waitMs : undefined];
const code = (outcome: Outcome) => (outcome !== null && 'code' in outcome ? outcome.code : undefined);
const hold = (statusCode: number, isCertain: boolean) => ({
  kind: 'hold',
  code: 'vendor_denied',
  statusCode,
  isCertain,
});

test('neighbours: Google says in the body how long to wait and what its 403 is about, Anthropic that no credit is left', () => {
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '37s' };
  const exhausted = JSON.stringify({ error: { code: 429, status: 'RESOURCE_EXHAUSTED', details: [retryInfo] } });
  assert.deepEqual(pick(judged(429, {}, exhausted)), ['wait', 38_000]);
  const limited = JSON.stringify({ error: { code: 403, errors: [{ reason: 'rateLimitExceeded' }] } });
  assert.equal(judged(403, {}, limited)?.kind, 'wait');
  const message = 'Your credit balance is too low to access the Anthropic API.';
  const poor = JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } });
  assert.deepEqual([judged(400, {}, poor)?.kind, judged(400, {}, '{}')?.kind], ['hold', 'failed']);
});

test('neighbours: GitHub says with a 403 that calls come too fast, and OpenAI and Azure in words until when to wait', () => {
  const resetS = NOW_MS / 1_000 + 30;
  const spent = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(resetS) };
  assert.deepEqual(pick(judged(403, spent)), ['wait', 30_000]);
  assert.equal(code(judged(403, spent)), 'rate_limited');
  const secondary = JSON.stringify({ message: 'You have exceeded a secondary rate limit.' });
  assert.deepEqual(pick(judged(403, {}, secondary)), ['wait', 60_000]);
  assert.equal(judged(403, { 'x-ratelimit-remaining': '9', 'x-ratelimit-reset': String(resetS) })?.kind, 'hold');
  for (const [message, ms] of [
    ['Rate limit reached for gpt-4o. Please try again in 1m30s. Visit https://platform.openai.com', 91_000],
    ['Please try again in 6ms.', 1_006],
    ['Please retry after 38 seconds.', 39_000],
    ['Please wait.', undefined],
  ] as const)
    assert.deepEqual(pick(judged(429, {}, JSON.stringify({ error: { message } }))), ['wait', ms], message);
});

test('neighbours: a credential that a vendor refuses with 400 or 404 is held, as with 401', () => {
  const reason = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' };
  for (const [status, body] of [
    [400, JSON.stringify([{ error: { code: 400, status: 'INVALID_ARGUMENT', details: [reason] } }])],
    [400, JSON.stringify({ code: 'invalid-argument', error: 'Incorrect API key provided: x***y.' })],
    [404, 'no_service'],
    [400, JSON.stringify({ error: 'invalid_token' })],
  ] as const)
    assert.deepEqual([judged(status, {}, body)?.kind, code(judged(status, {}, body))], ['hold', 'vendor_denied'], body);
});

const message = (text: string, more = {}) => JSON.stringify({ error: { message: text, ...more } });

// xAI: Wei-Shaw/sub2api PR 5359, UKGovernmentBEIS/inspect_ai PR 2267; DeepSeek: awesome-deepseek-integration issue 13;
// OpenAI: alan-turing-institute/t0-1 issue 69, weave-os/router PR 589.
test('neighbours: a text that a vendor filters fails its own run, whatever the status, and does not stop the vendor', () => {
  for (const [status, body] of [
    [403, JSON.stringify({ code: 'permission-denied', error: 'Content violates usage guidelines. Team: x' })],
    [403, message('a/b requires moderation on X. Your input was flagged for "violence".', { code: 403 })],
    [400, message('Content Exists Risk', { type: 'invalid_request_error' })],
    [400, message('The request was rejected because it was considered high risk')],
    [
      400,
      message('Invalid prompt: your prompt was flagged as potentially violating our usage policy.', {
        code: 'invalid_prompt',
      }),
    ],
    [400, message('Input data may contain inappropriate content.', { code: 'data_inspection_failed' })],
  ] as const)
    assert.deepEqual(
      [judged(status, {}, body)?.kind, code(judged(status, {}, body))],
      ['failed', 'answer_filtered'],
      body,
    );
  for (const body of ['Access to the chat endpoint is denied', 'Request blocked.', 'Your account has been flagged'])
    assert.equal(judged(403, {}, message(body))?.kind, 'hold', body);
});

test('neighbours: an answer that is no use is one under a 400, too', () => {
  for (const [body, expected] of [
    [message('Could not finish the message because max_tokens or model output limit was reached.'), 'answer_cut'],
    [message('Failed to generate JSON.', { code: 'json_validate_failed', failed_generation: 'x' }), 'malformed_answer'],
    [
      message('Failed to generate JSON.', {
        code: 'json_validate_failed',
        failed_generation: 'max completion tokens reached before',
      }),
      'answer_cut',
    ],
    [message('Tool choice is none, but model called a tool', { code: 'tool_use_failed' }), 'answer_tool_call'],
  ] as const)
    assert.deepEqual([judged(400, {}, body)?.kind, code(judged(400, {}, body))], ['failed', expected], body);
});

test('neighbours: a webhook that was removed or switched off is held, and a full queue waits', () => {
  for (const [status, body] of [
    [404, '{"code":404,"message":"The requested webhook \\"POST x\\" is not registered."}'],
    [404, '{"message": "Unknown Webhook", "code": 10015}'],
    [410, 'There is no scenario listening for this webhook.'],
    [404, '{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"x"}}'],
  ] as const)
    assert.equal(judged(status, {}, body)?.kind, 'hold', body);
  for (const status of [404, 410]) assert.equal(judged(status, {}, '{"message":"not found"}')?.kind, 'failed');
  assert.deepEqual([judged(400, {}, 'Queue is full.')?.kind, judged(400, {}, 'Bad request')?.kind], ['wait', 'failed']);
  for (const status of [420, 498]) assert.equal(judged(status)?.kind, 'wait', String(status));
});

test('neighbours: want of money under 429, and an account that was closed, are held', () => {
  for (const [status, body] of [
    [429, message('Your account is suspended due to insufficient balance', { type: 'exceeded_current_quota_error' })],
    [429, message('余额不足或无可用资源包,请充值。', { code: '1113' })],
    [400, message('This organization has been disabled.', { type: 'invalid_request_error' })],
    [400, message('API key expired. Please renew the API key.')],
  ] as const)
    assert.equal(judged(status, {}, body)?.kind, 'hold', body);
});

test('neighbours: a wait is read from words with units and from members', () => {
  for (const [body, ms] of [
    [message('No deployments available for selected model, Try again in 60 seconds. Passed model=x'), 61_000],
    [message('Too many requests. Please try again in 2 minutes.'), 121_000],
    [message('Please try again in 20 milliseconds.'), 1_020],
    [message('Please wait 1 hour.'), 3_601_000],
    [
      '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}',
      36_000,
    ],
    ['{"message":"You are being rate limited.","retry_after":0.85,"global":false}', 1_850],
    ['{"errors":[{"extensions":{"code":"ComplexityException","retry_in_seconds":30}}]}', 31_000],
    ['{"retry_after_ms":500}', undefined],
  ] as const)
    assert.deepEqual(pick(judged(429, {}, body)), ['wait', ms], body);
});
