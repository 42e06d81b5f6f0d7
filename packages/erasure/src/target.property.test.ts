import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ownCpuMs } from '@pressferry/testing';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { personByEmail, personByHash, type Target } from './target.ts';

const email = fc
  .tuple(
    fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,14}(\.[A-Za-z0-9_-]{1,10})?[A-Za-z0-9]$/),
    fc.stringMatching(/^[a-z0-9]{1,20}$/),
    fc.constantFrom('com', 'example', 'co.uk'),
  )
  .map(([local, domain, end]) => `${local}@${domain}.${end}`);
const prose = fc.string({ unit: 'grapheme', maxLength: 200 });
const mark = fc.constantFrom(' ', '"', '<', ',', '\n', '(', ':', '=', "'", '/', '{', '…');
const hash = (address: string, secret: string) =>
  createHmac('sha256', secret).update(address.toLowerCase()).digest('hex');
const names = (target: Target, text: string): boolean => target.kind === 'person' && target.names(text);
/** A person, by the address and by its hash. */
const both = (address: string): Target[] => [
  personByEmail(address),
  personByHash(hash(address, 's2'), 'site', ['s1', 's2']),
];

property(
  'an address is found in any text and in any case, by itself and by its hash',
  fc.property(
    prose,
    mark,
    email,
    fc.constantFrom(' ', '"', '>', ',', '\n', ')', ';'),
    prose,
    (before, left, address, right, after) => {
      const text = `${before}${left}${address.toUpperCase()}${right}${after}`;
      for (const target of both(address)) assert.ok(names(target, text));
    },
  ),
);

const entity = (text: string): string => [...text].map((one) => `&#${one.codePointAt(0)};`).join('');
const hex = (text: string): string => [...text].map((one) => `&#X${one.codePointAt(0)?.toString(16)};`).join('');
const unit = (text: string): string =>
  [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const percent = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');
const fullWidth = (text: string): string =>
  [...text].map((one) => String.fromCodePoint((one.codePointAt(0) ?? 0) + 0xfe_e0)).join('');
const WRITTEN: Record<string, (address: string) => string> = {
  'in HTML entities': entity,
  'in hexadecimal entities': hex,
  'with a named entity': (address) => address.replace('@', '&commat;').replaceAll('.', '&period;'),
  'in a URL': (address) => `mailto:${encodeURIComponent(address)}?subject=x`,
  'in a URL, every byte escaped': percent,
  'in a URL in HTML': (address) => encodeURIComponent(address).replaceAll('%', '&#37;'),
  'as JSON escapes it': unit,
  'in JSON in JSON': (address) => JSON.stringify(JSON.stringify({ to: unit(address) })),
  'in full-width letters': fullWidth,
  'with a soft hyphen and a zero-width space': (address) => address.replace('@', '\u00ad@\u200b'),
  'as a sub-address': (address) => address.replace('@', '+shop.news@'),
  'as a sub-address in a query': (address) => `to=${address.replace('@', '%2Bshop@')}`,
};
for (const [how, written] of Object.entries(WRITTEN))
  property(
    `an address is found ${how}`,
    fc.property(prose, email, (before, address) => {
      for (const target of both(address))
        assert.ok(names(target, `${before} ${written(address)} and more`), written(address));
    }),
  );

test('an address is found in every form of Unicode, and with its domain in either form', () => {
  const forms = ['jürgen@müller.example', 'JÜRGEN@MÜLLER.example', 'jürgen@müller.example'.normalize('NFD')];
  forms.push('jürgen@xn--mller-kva.example');
  for (const asked of forms) {
    const found = forms.filter((text) => names(personByEmail(asked), `<${text}>`));
    assert.deepEqual(found, forms, asked);
  }
  for (const text of forms) {
    const target = personByHash(hash('jürgen@müller.example', 's'), 'site', ['s']);
    assert.ok(names(target, `von ${text}.`), text);
  }
});

property(
  'another address is never taken for the person, however alike they are',
  fc.property(email, email, (one, other) => {
    fc.pre(one.toLowerCase() !== other.toLowerCase());
    for (const target of both(one)) assert.ok(!names(target, `from <${other}> today`));
  }),
);

property(
  'an address that is a part of a longer one is not the person',
  fc.property(
    email,
    fc.constantFrom('jo', 'mary.', 'x-', 'y_', '1', 'ä'),
    fc.constantFrom('.au', 'x', '-b.com', '.uk'),
    (address, before, after) => {
      for (const target of both(address)) {
        assert.ok(!names(target, `from <${before}${address}> today`));
        assert.ok(!names(target, `from <${address}${after}> today`));
      }
    },
  ),
);

test('who asks by a sub-address is that address alone, because the main one may be another person', () => {
  const target = personByEmail('team+ada@example.com');
  assert.ok(names(target, 'to TEAM+ada@example.com'));
  for (const other of ['team@example.com', 'team+bob@example.com', 'ada@example.com'])
    assert.ok(!names(target, `to ${other}`), other);
});

property(
  'the hash under another secret is not taken for the person',
  fc.property(email, (one) => {
    assert.ok(!names(personByHash(hash(one, 's1'), 'site', ['unknown']), `from <${one}> today`));
  }),
);

test('what is not one address is refused: a part of one would name a whole domain', () => {
  for (const text of [
    '@',
    '@example.com',
    'ada@',
    'ada',
    'ada@example',
    'a@b.example, c@d.example',
    'Ada <ada@example.com>',
    ' ada@example.com',
    '',
  ])
    assert.throws(() => personByEmail(text), /not one e-mail address/, text);
  for (const text of ["o'brien@example.com", 'ada+shop@example.co.uk', 'jürgen@müller.example']) personByEmail(text);
});

test('a megabyte of what looks like addresses is searched in linear time', () => {
  for (const text of [
    'a@'.repeat(500_000),
    `${'a.'.repeat(500_000)}@x.y`,
    '%40'.repeat(300_000),
    '&#37;'.repeat(200_000),
    'a@b.c'.repeat(200_000),
  ]) {
    const tookMs = ownCpuMs(() => assert.equal(names(personByEmail('ada@example.com'), text), false));
    assert.ok(tookMs < 10_000, `${tookMs} ms for ${text.slice(0, 10)}`);
  }
});
