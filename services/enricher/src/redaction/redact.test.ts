import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redactText, redactValue } from './redact.ts';

const ALL = { secrets: ['the-vendor-s-own-key'], keepEmails: false };
const redact = (text: string): string => redactText(text, ALL);

test('forms of API keys are masked', () => {
  const keys = [
    'sk-proj-abcdEFGH1234567890',
    'sk-ant-api03-abcdefghijklmnop',
    'pat-eu1-01234567-89ab-cdef',
    'xoxb-123456789012-abcdefghij',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'AKIAIOSFODNN7EXAMPLE',
    'Bearer abc.def-ghi_jkl',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  ];
  for (const key of keys) assert.equal(redact(`the key is ${key}, keep it`), 'the key is [secret], keep it');
});

test("a vendor's own secret is masked wherever it stands, whatever its form", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string({ minLength: 6 }), (before, after, secret) => {
      const masked = redactText(`${before}${secret}${after}`, { secrets: [secret], keepEmails: true });
      // A secret that is part of the mask itself is none.
      assert.ok(!masked.includes(secret) || '[secret][card]'.includes(secret));
    }),
  );
});

test('e-mail addresses are masked unless the step keeps them', () => {
  fc.assert(
    fc.property(fc.emailAddress(), (email) => {
      assert.ok(!redact(`Write to ${email} soon`).includes(email));
    }),
  );
  assert.equal(redact('Write to ada@example.com, or bob@example.co.uk.'), 'Write to [email], or [email].');
  assert.equal(redactText('ada@example.com', { ...ALL, keepEmails: true }), 'ada@example.com');
});

test('card numbers are masked, grouped or not, beside other numbers too', () => {
  for (const card of [
    '4242424242424242',
    '4242 4242 4242 4242',
    '5555-5555-5555-4444',
    '378282246310005',
    '6011111111111117',
  ])
    assert.equal(redact(`paid with ${card} today`), 'paid with [card] today');
  assert.equal(redact('no. 12 4242 4242 4242 4242 12/29'), 'no. 12 [card] 12/29');
  assert.deepEqual(redactValue({ card: 4242424242424242 }, ALL), { card: '[card]' });
});

test('ids, times and amounts are left alone', () => {
  for (const text of [
    '1780000000123',
    '2026-11-24T05:00:00.123Z',
    '4242424242424241',
    'order 10423, 59.90 EUR',
    '+49 30 901820',
  ]) {
    assert.equal(redact(text), text);
  }
});

test('masking twice changes nothing more, and the form of the JSON stays', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = redactValue(value, ALL);
      assert.deepEqual(redactValue(once, ALL), once);
      assert.equal(Array.isArray(once), Array.isArray(value));
    }),
  );
});

test('names of members are masked too', () => {
  assert.deepEqual(redactValue({ a: [{ 'ada@example.com': true }] }, ALL), { a: [{ '[email]': true }] });
});

test('a hostile text of a megabyte is masked in time that grows with its length, not with the square of it', () => {
  for (const text of [
    'a@'.repeat(500_000),
    'a.'.repeat(500_000),
    '4 '.repeat(500_000),
    'eyJaaaaaaaaaaa.'.repeat(60_000),
  ]) {
    const before = process.cpuUsage();
    redact(text);
    // Under a second on a quiet machine, where the square would take minutes. Not the clock's time: the machine may be busy with other tests.
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    assert.ok(cpuMs < 10_000, `${text.slice(0, 4)} took ${cpuMs} ms`);
  }
});
