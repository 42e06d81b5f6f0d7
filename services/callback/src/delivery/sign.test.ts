import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { type ResultBody, secretKey } from '@pressferry/contracts';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { readResultBody, signPush } from './sign.ts';

const result: ResultBody = {
  result_id: '3c5e1f0a-52d7-5b1e-9d43-0c8f2b7a6e10',
  request_id: '6978440a-03a1-535b-93bf-4c3d1468f01b',
  idempotency_key: '7d444840-9dc0-41d1-b245-5ffdce74fad2',
  event_type: 'post.published',
  object_ref: '17',
  automation: 'summarize-post',
  status: 'succeeded',
  output: { summary: 'Die Fähre fährt 🚢', amount: 1.5, none: null },
  completed_at: '2026-11-24T05:59:59.000Z',
};

const pushable = { json: JSON.stringify(result), resultId: result.result_id };

test('the library of Standard Webhooks verifies a push, with each live secret alone', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ minLength: 1 }), (newest, older) => {
      const keys = [secretKey(newest), secretKey(older)] as const;
      const { body, headers } = signPush({ ...pushable, keys, sentAtMs: Date.now(), traceparent: undefined });
      for (const secret of [newest, older]) {
        new Webhook(`whsec_${Buffer.from(secret, 'utf8').toString('base64')}`).verify(body, headers);
      }
      const hex = createHmac('sha256', Buffer.from(newest, 'utf8')).update(body).digest('hex');
      assert.equal(headers['x-signature'], `sha256=${hex}`);
    }),
    { numRuns: 50 },
  );
});

test('each attempt is stamped with its own time, in the body and in the header, under one id', () => {
  const sentAtMs = Date.parse('2026-11-24T06:00:00.999Z');
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const { body, headers } = signPush({ ...pushable, keys: [secretKey('s')], sentAtMs, traceparent });
  assert.deepEqual(JSON.parse(body), { ...result, sent_at: '2026-11-24T06:00:00.999Z' });
  assert.equal(headers['webhook-timestamp'], String(Date.parse('2026-11-24T06:00:00Z') / 1000));
  assert.equal(headers['webhook-id'], result.result_id);
  assert.equal(headers['x-idempotency-key'], result.result_id);
  assert.equal(headers.traceparent, traceparent);
  assert.ok(!body.includes('": '), 'compact');
});

test('a sealed body of another result is not sent', () => {
  const plain = Buffer.from(JSON.stringify(result));
  assert.deepEqual(readResultBody(plain, result.result_id), JSON.stringify(result));
  assert.throws(() => readResultBody(plain, result.request_id));
  assert.throws(() => readResultBody(Buffer.from('{}'), result.result_id));
});

test('a number that JavaScript cannot hold arrives as the automation wrote it', () => {
  const json = pushable.json.replace('1.5', '9007199254740993');
  const { body } = signPush({
    ...pushable,
    json,
    keys: [secretKey('s')],
    sentAtMs: Date.now(),
    traceparent: undefined,
  });
  assert.match(body, /"amount":9007199254740993,/);
});
