import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  bodySignature,
  drift,
  fingerprint,
  requestId,
  secretKey,
  standardWebhooksHeaders,
  verifyBodySignature,
} from '@pressferry/contracts';
import { Webhook } from 'standardwebhooks';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../proto/vectors/${name}`, import.meta.url), 'utf8'));

describe('vectors: hmac', () => {
  for (const { name, secret, body_base64, signature, valid } of read('hmac.json').cases) {
    test(name, () => {
      assert.equal(verifyBodySignature([secretKey(secret)], Buffer.from(body_base64, 'base64'), signature), valid);
    });
  }
});

describe('vectors: fingerprints', () => {
  const { cases } = read('fingerprints.json');
  for (const item of cases) {
    test(item.name, () => {
      assert.equal(fingerprint(JSON.parse(item.body)), item.fingerprint);
      assert.equal(item.fingerprint === cases[0].fingerprint, item.same_event);
    });
  }
  test('a repeat and a change are told apart', () => {
    assert.equal(cases.filter((item: { same_event: boolean }) => item.same_event).length, 6);
  });
});

describe('vectors: drift', () => {
  const { now_s, cases } = read('drift.json');
  for (const { name, expect, ...times } of cases) {
    test(name, () => assert.equal(drift(times, now_s * 1000) === null, expect === 'accepted'));
  }
});

describe('vectors: callbacks', () => {
  const { acknowledgements, pushes } = read('callbacks.json');
  for (const { name, secret, body, signature, valid } of acknowledgements) {
    test(`acknowledgement ${name}`, () =>
      assert.equal(verifyBodySignature([secretKey(secret)], Buffer.from(body), signature), valid));
  }
  test('the first push is signed as the service signs', () => {
    const [{ receiver_secrets, headers, body }] = pushes;
    assert.equal(bodySignature(secretKey(receiver_secrets[0]), body), headers['x-signature']);
  });
});

describe('vectors: Standard Webhooks', () => {
  for (const { name, secret, library_secret, id, timestamp_s, body, signature } of read('standard-webhooks.json')
    .cases) {
    test(`${name}: we sign what the published library signs`, () => {
      const ours = standardWebhooksHeaders([secretKey(secret)], id, timestamp_s * 1000, body);
      assert.equal(ours['webhook-signature'], signature);
      assert.equal(new Webhook(library_secret).sign(id, new Date(timestamp_s * 1000), body), signature);
    });
  }
});

test('vectors: identifiers', () => {
  for (const { site_id, idempotency_key, request_id } of read('identifiers.json').cases) {
    assert.equal(requestId(site_id, idempotency_key), request_id);
  }
});
