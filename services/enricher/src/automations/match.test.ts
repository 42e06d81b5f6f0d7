import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  matching([automation('a', rest)], { ...event, data }).length === 1;

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
