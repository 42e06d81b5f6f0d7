import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { emailsIn, personByEmail, personByHash } from './target.ts';

const email = fc
  .tuple(
    fc.stringMatching(/^[A-Za-z0-9._+-]{1,30}$/),
    fc.stringMatching(/^[a-z0-9-]{1,20}$/),
    fc.constantFrom('com', 'example', 'co.uk'),
  )
  .map(([local, domain, end]) => `${local}@${domain}.${end}`);
const prose = fc.string({ unit: 'grapheme', maxLength: 200 });
const mark = fc.constantFrom(' ', '"', '<', ',', '\n', '(', ':');
const hash = (address: string, secret: string) =>
  createHmac('sha256', secret).update(address.toLowerCase()).digest('hex');

property(
  'an address is found in any text and in any case, by itself and by its hash',
  fc.property(prose, mark, email, mark, prose, (before, left, address, right, after) => {
    const text = `${before}${left}${address.toUpperCase()}${right}${after}`;
    assert.ok(personByEmail(address).kind === 'person' && [...emailsIn(text)].includes(address.toLowerCase()));
    for (const target of [personByEmail(address), personByHash(hash(address, 's2'), 'site', ['s1', 's2'])])
      assert.ok(target.kind === 'person' && target.names(text));
  }),
);

property(
  'another address, or the hash under another secret, is not taken for the person',
  fc.property(email, email, (one, other) => {
    fc.pre(!other.toLowerCase().endsWith(one.toLowerCase()));
    const target = personByHash(hash(one, 's1'), 'site', ['s1']);
    assert.ok(target.kind === 'person' && !target.names(`from <${other}> today`));
    const wrong = personByHash(hash(one, 'unknown'), 'site', ['s1']);
    assert.ok(wrong.kind === 'person' && !wrong.names(`from <${one}> today`));
  }),
);
