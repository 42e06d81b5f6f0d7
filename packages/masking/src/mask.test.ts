import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FOUND, LEFT_ALONE } from '../test/corpus/cases.ts';
import { maskText, maskValue } from './mask.ts';

for (const [mask, texts] of Object.entries(FOUND)) {
  test(`what is a ${mask} is masked and nothing around it`, () => {
    for (const text of texts) assert.equal(maskText(`so it is ${text} and stays`), `so it is ${mask} and stays`, text);
  });
}

test('prose, slugs, ids, times and amounts are left alone', () => {
  for (const text of LEFT_ALONE) assert.equal(maskText(text), text);
});

test('a secret is masked if a name says that it is one, and the name stays', () => {
  for (const [text, masked] of [
    ['password=hunter22', 'password=[secret]'],
    ['"password": "correct horse battery"', '"password": "[secret]"'],
    ['Passwort: Sommer2024!', 'Passwort: [secret]'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'aws_secret_access_key = [secret]'],
    ["client_secret => 'f3a9c27be1'", "client_secret => '[secret]'"],
    ['Authorization: Basic d3A6cGFzc3dvcmQ=', 'Authorization: [secret]'],
    ['curl -H "Authorization: Bearer abcdefghijkl"', 'curl -H "Authorization: [secret]"'],
    ['postgres://app:s3cr%40t@db/wp', 'postgres://[secret]@db/wp'],
    ['https://ada:pw@shop.example/x', 'https://[secret]@shop.example/x'],
    ['https://x.example/?email=ada%40example.com&a=1', 'https://x.example/?email=[email]&a=1'],
    ['tel. 030 901820, fax: (030) 90 18 21', 'tel. [phone], fax: [phone]'],
    ['DE89 3704 0044 0532 0130 00 DE89370400440532013000', '[iban] [iban]'],
    ['AB12 DE89 3704 0044 0532 0130 00', 'AB12 [iban]'],
    ['Tél : 01.23.45.67.89, `ada@example.com`', 'Tél : [phone], `[email]`'],
    ['{\\"password\\": \\"hunter22\\"}', '{\\"password\\": \\"[secret]\\"}'],
    ['no. 12 4242 4242 4242 4242 12/29', 'no. 12 [card] 12/29'],
  ] as const)
    assert.equal(maskText(text), masked);
});

test('masking twice changes nothing more, and the form of the JSON stays', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = maskValue(value);
      assert.deepEqual(maskValue(once), once);
      assert.equal(Array.isArray(once), Array.isArray(value));
    }),
  );
});

test('e-mail addresses of every form are masked', () => {
  fc.assert(
    fc.property(fc.emailAddress(), (email) => {
      const bare = email.replace(/^.*[=?&/]/, '');
      fc.pre(/[a-z0-9].*@/i.test(bare) && !/%[0-9a-f]{2}/i.test(bare));
      assert.ok(!maskText(`Write to ${email} soon`).includes(bare));
    }),
  );
});

test('names of members are masked too, and the value of a name like password', () => {
  assert.deepEqual(maskValue({ a: [{ 'ada@example.com': true }], api_key: 'plainword', card: 4242424242424242 }), {
    a: [{ '[email]': true }],
    api_key: '[secret]',
    card: '[card]',
  });
});

test('data with a member that is called toJSON is masked like any other', () => {
  const data = { toJSON: 'x', toString: 1, mail: 'ada@example.com', password: 'hunter22' };
  assert.deepEqual(maskValue(data), { toJSON: 'x', toString: 1, mail: '[email]', password: '[secret]' });
});

const PUMPS = [
  ...[
    '-eyJ',
    'eyJ',
    'eyJaaaaaaaaaaa.',
    '-eyJa.',
    'a@',
    '@a.',
    'a.',
    '4 ',
    '4242 ',
    '4',
    '+1 ',
    '+49',
    '00',
    'AB12',
    '1.1.1.1.',
  ],
  ...[
    '::1',
    'a:',
    'Bearer ',
    'Bearer aaaaaaaa',
    'Basic aaaaaaa1 ',
    'password=',
    'password="',
    'token: ',
    'sk-',
    'sk-a',
    'a://',
  ],
  ...[
    'a://a:',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    'tel ',
    'phone: (',
    'xox',
    'ghp_',
    'SG.',
    '123456789:',
    '756.',
    '%40',
  ],
  ...[' ', '\n', '\\n', 'A', 'é', '"', '=', '\u00a0', '0-', '0.0', 'secret secret', 'bsn 1'],
];

test('a hostile text is masked in time that grows with its length, not with the square of it', () => {
  const slow: string[] = [];
  for (const pump of PUMPS) {
    for (const end of ['', '!', '@']) {
      const text = pump.repeat(262_144 / pump.length) + end;
      const before = process.cpuUsage();
      maskText(text);
      // Tens of milliseconds on a quiet machine; the square takes minutes. The processor's time, because the machine may be busy with others.
      const { user, system } = process.cpuUsage(before);
      if (user + system > 2_000_000) slow.push(`${pump}: ${(user + system) / 1000} ms`);
    }
  }
  assert.deepEqual(slow, []);
});
