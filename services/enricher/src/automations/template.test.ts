import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePath, compileText, compileTree, type TemplateContext } from './template.ts';

const contextOf = (data: Record<string, unknown>): TemplateContext => ({
  event: { event_type: 'form.submitted', object_ref: '7', occurred_at: '2026-11-24T05:00:00Z', data },
  site: { id: 'site-a' },
  steps: { score: { output: { text: 'hot: asks for a price', json: { value: 9 } } } },
});

test('a template reads the event, the site and earlier steps', () => {
  const template = compileText(
    '{{ site.id }}/{{ event.event_type }}/{{ event.data.name }}: {{ steps.score.output.text }}',
  );
  assert.equal(template.render(contextOf({ name: 'Ada' })), 'site-a/form.submitted/Ada: hot: asks for a price');
  assert.deepEqual(template.reads, [
    ['site', 'id'],
    ['event', 'event_type'],
    ['event', 'data', 'name'],
    ['steps', 'score', 'output', 'text'],
  ]);
});

test('whatever a visitor writes stays inside its place in the JSON', () => {
  const tree = compileTree({
    properties: { note: 'Says: {{ event.data.note }}', fixed: 1 },
    list: ['{{ event.data.note }}'],
  });
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"}', '{{ site.id }}', '{% if %}', '\\')),
      (note) => {
        const json: unknown = JSON.parse(JSON.stringify(tree.render(contextOf({ note }))));
        assert.deepEqual(json, { properties: { note: `Says: ${note}`, fixed: 1 }, list: [note] });
      },
    ),
  );
});

test('$value keeps the type of what it names, and is null where there is nothing', () => {
  const tree = compileTree({
    id: { $value: 'event.data.id' },
    no: { $value: 'event.data.missing' },
    all: { $value: 'event.data' },
  });
  assert.deepEqual(tree.render(contextOf({ id: 7 })), { id: 7, no: null, all: { id: 7 } });
  assert.throws(() => compileTree({ id: { $value: 'event.data.id', other: 1 } }), /stands alone/);
});

test('whatever a visitor writes stays inside its segment of a path', () => {
  const path = compilePath('/contacts/{{ event.data.id }}/notes');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (id) => {
      let rendered: string;
      try {
        rendered = path.render(contextOf({ id }));
      } catch {
        return;
      }
      const url = new URL(`https://crm.example/v3${rendered}`);
      assert.equal(url.origin, 'https://crm.example');
      assert.equal(url.pathname.split('/').length, 5);
      assert.ok(url.pathname.startsWith('/v3/contacts/') && url.pathname.endsWith('/notes'));
      assert.equal(`${url.search}${url.hash}`, '');
    }),
  );
  assert.throws(() => path.render(contextOf({ id: '..' })), /leaves its place/);
});

test('a template reaches neither files, nor prototypes, nor the process', () => {
  for (const source of ['{% include "x" %}', '{% render "x" %}', '{% layout "x" %}', '{% block a %}{% endblock %}'])
    assert.throws(() => compileText(source), /not found/);
  const context = contextOf({ text: 'x' });
  for (const path of [
    'event.constructor',
    'event.data.__proto__',
    'event.data.text.constructor',
    'process.env',
    'env.LLM_API_KEY',
  ])
    assert.equal(compileText(`{{ ${path} }}`).render(context), '', path);
});

test('an unknown filter is a fault at the start', () => {
  assert.throws(() => compileText('{{ event.data.x | upcaes }}'), /undefined filter: upcaes/);
});

test('a template that loops too long ends with an error', () => {
  const endless = compileText('{% for a in (1..100000) %}{% for b in (1..100000) %}{{ b }}{% endfor %}{% endfor %}');
  assert.throws(() => endless.render(contextOf({})));
});
