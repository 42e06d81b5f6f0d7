import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownCpuMs } from '@pressferry/testing';
import { compileAutomation } from './compile.ts';
import { matching } from './match.ts';
import { fileSchema } from './schema.ts';

function automation(name: string, rest: Record<string, unknown> = {}) {
  const steps = [{ name: 's', type: 'http', vendor: 'crm', path: '/' }];
  const file = fileSchema.parse({ automations: [{ name, on: ['comment.created'], steps, ...rest }] });
  const [definition] = file.automations;
  assert.ok(definition);
  return compileAutomation(definition, (path, text) => assert.fail(`${path}: ${text}`));
}

const event = {
  siteId: 'site-a',
  event_type: 'comment.created',
  object_ref: '3',
  data: { status: 'hold', deep: { n: 1 } },
};
const isMatched = (rest: Record<string, unknown>, data: Record<string, unknown> = event.data): boolean =>
  matching([automation('a', rest)], { ...event, labels: { plan: 'gold' }, data }).matched.length === 1;

test('an automation runs for the event types that it lists', () => {
  assert.ok(isMatched({}));
  assert.ok(!isMatched({ on: ['post.published'] }));
  assert.ok(isMatched({ on: ['post.published', 'comment.created'] }));
});

test('an automation that lists sites runs for those only', () => {
  assert.ok(isMatched({ sites: ['site-a', 'site-b'] }));
  assert.ok(!isMatched({ sites: ['site-b'] }));
});

test('every condition must hold, each by one of its values, strictly equal', () => {
  assert.ok(isMatched({ when: { 'data.status': 'hold', 'data.deep.n': 1, object_ref: '3' } }));
  assert.ok(isMatched({ when: { 'data.status': ['approved', 'hold'] } }));
  assert.ok(!isMatched({ when: { 'data.status': 'hold', 'data.deep.n': 2 } }));
  assert.ok(!isMatched({ when: { 'data.deep.n': '1' } }));
  assert.ok(!isMatched({ when: { 'data.missing': 'x' } }));
  assert.ok(!isMatched({ when: { 'data.constructor.name': 'Object' } }));
});

test('presence asks for something that is not blank', () => {
  const when = { 'data.email': { present: true } };
  assert.ok(isMatched({ when }, { email: 'a@b.example' }));
  for (const email of [undefined, null, '', '  ', [], {}]) assert.ok(!isMatched({ when }, { email }));
  assert.ok(isMatched({ when: { 'data.email': { present: false } } }, {}));
});

test('a condition in CEL reads the event and its site, and one about a member that is not there is false', () => {
  assert.ok(isMatched({ when: "event.data.status == 'hold' && site.id.startsWith('site-')" }));
  assert.ok(isMatched({ when: 'event.data.deep.n > 0 && event.object_ref in ["3", "4"]' }));
  assert.ok(isMatched({ when: "site.labels.plan in ['gold', 'silver'] && !has(site.labels.region)" }));
  assert.ok(!isMatched({ when: "site.labels.region == 'eu'" }));
  assert.ok(!isMatched({ when: "event.data.missing.member == 'x'" }));
  assert.ok(!isMatched({ when: 'event.data.status' }));
});

test('matches() takes time that grows with the length of the text alone', () => {
  const when = 'event.data.text.matches("^(a+)+$")';
  const tookMs = ownCpuMs(() => assert.ok(!isMatched({ when }, { text: `${'a'.repeat(20_000)}!` })));
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  assert.ok(isMatched({ when }, { text: 'aaa' }));
  // A literal that looks like a call is none.
  assert.ok(isMatched({ when: 'event.data.text == ".matches("' }, { text: '.matches(' }));
});

test('a condition that is none is refused with its reason', () => {
  const [definition] = fileSchema.parse({
    automations: [
      {
        name: 'a',
        on: ['comment.created'],
        when: 'evnt.x == 1',
        steps: [{ name: 's', type: 'http', vendor: 'v', path: '/' }],
      },
    ],
  }).automations;
  assert.ok(definition);
  const faults: string[] = [];
  compileAutomation(definition, (path, text) => faults.push(`${path}: ${text}`));
  assert.match(faults.join(), /^when: is not a condition: Unknown variable: evnt/);
});

test('an automation that is off for a site makes no run there', () => {
  assert.ok(!isMatched({ mode: 'off' }));
  assert.ok(!isMatched({ mode: { sites: { 'site-a': 'off' } } }));
  assert.ok(isMatched({ mode: { default: 'off', sites: { 'site-a': 'live' } } }));
});

test('a condition that takes too long is undecided, whatever it would be, and the other automations are matched', () => {
  const items = Array.from({ length: 5_000 }, (_, index) => index);
  for (const slow of [
    'all(a, event.data.items.exists(b, b == a))',
    'filter(a, event.data.items.all(b, b >= 0)).size() > 0',
  ]) {
    const automations = [
      automation('slow', { when: `event.data.items.${slow}` }),
      automation('quick', { when: 'true' }),
    ];
    const found = matching(automations, { ...event, labels: {}, data: { items } }, performance.now() + 20);
    assert.deepEqual(
      [found.matched, found.undecided].map((some) => some.map(({ name }) => name)),
      [['quick'], ['slow']],
    );
  }
});
