import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownCpuMs } from '@pressferry/testing';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { createConditions, createExpressions } from './cel.ts';

const conditions = createConditions({ event: 'dyn' });
/** V8 takes hours for it. */
const EXPLODING = '(a+)+$';
const TEXT = `${'a'.repeat(40)}!`;

test('a pattern takes linear time however its call is spelt', () => {
  const call = `matches('${EXPLODING}')`;
  for (const source of [
    `event.text.${call}`,
    `event.text . ${call}`,
    `event.text.\n\t${call}`,
    `event.text.matches ('${EXPLODING}')`,
    `event.text.// a comment\n${call}`,
    `event['text'].${call}`,
    `(r'\\d' == 'x') || event.text.${call}`,
    `'''it's'''.matches('x') || event.text.${call}`,
    `["\\""].exists(t, event.text . ${call})`,
    `[event.text].map(t, t . ${call})[0]`,
    `[event.text].filter(t, t . ${call}).size() > 0`,
    `true ? event.text . ${call} : false`,
    `{'a': event.text . ${call}}.a`,
  ]) {
    const checked = conditions.check(source);
    assert.ok(!('fault' in checked), `${source}: ${JSON.stringify(checked)}`);
    const tookMs = ownCpuMs(() => assert.equal(conditions.holds(source, { event: { text: TEXT } }), false, source));
    assert.ok(tookMs < 2_000, `${tookMs} ms for ${source}`);
    assert.equal(conditions.holds(source, { event: { text: 'aaa' } }), true, source);
  }
});

test('a condition about what is not there, is null, or is of another type is false and never throws', () => {
  for (const source of [
    'event.data.total > 100.0',
    "event.data.status == 'paid'",
    "event.data.status in ['paid']",
    "event.data.title.startsWith('a')",
    "event.data.title.matches('a')",
    'size(event.data.lines) > 0',
    'event.data.lines.exists(l, l.price > 1.0)',
    'event.data.lines[3].price > 1.0',
    "timestamp(event.data.at) > timestamp('2026-01-01T00:00:00Z')",
    'event.data.flag',
  ])
    for (const data of [
      undefined,
      null,
      {},
      [],
      'text',
      7,
      { total: null, status: null, title: null, lines: null, at: null, flag: null },
      { total: '1', status: 1, title: 1, lines: {}, at: 'x', flag: 'yes' },
      { total: [], status: [], title: [], lines: [], at: [], flag: [] },
    ])
      assert.equal(conditions.holds(source, { event: { data } }), false, `${source} over ${JSON.stringify(data)}`);
});

test('the numbers of an event count together with whole numbers and fractions', () => {
  const event = { id: 17, price: 1.5, many: 2 };
  for (const source of [
    'event.id + 1 == 18',
    'event.id - 1 == 16 && 1 - event.id == -16',
    'event.price * 100 == 150',
    'event.id / 2 == 8.5',
    'event.id % 2 == 1',
    'event.id % event.many == 1',
    'event.id * event.price > 25',
    "event.id in [17, 'seventeen']",
    '[1, 2.0, event.price].exists(n, n == event.price)',
  ])
    assert.ok(conditions.holds(source, { event }), source);
});

const expressions = createExpressions({ text: 'string' });

property(
  'a literal that looks like a call stays as it is written',
  fc.property(
    fc.constantFrom('.matches(', "x.matches('", 'matchesLinear', '\\'),
    fc.string({ maxLength: 20 }),
    (part, more) => {
      const literal = `${more}${part}`;
      assert.equal(expressions.evaluate(JSON.stringify(literal), { text: '' }), literal);
    },
  ),
);
