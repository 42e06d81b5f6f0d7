import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '@pressferry/contracts';
import fc from 'fast-check';
import {
  compileHeader as compileHeaderAt,
  compilePath as compilePathAt,
  compileText as compileTextAt,
  compileTree as compileTreeAt,
  type Rendering,
  type TemplateContext,
  TemplateFault,
} from './template.ts';

const within = <T>({ render, reads }: Rendering<T>) => ({
  reads: reads.map(({ path }) => path),
  render: (context: TemplateContext) => render(context, { untilMs: performance.now() + 1_000, characters: 1_000_000 }),
});
const compileText = (source: string) => within(compileTextAt(source, 'prompt'));
const compilePath = (source: string) => within(compilePathAt(source, 'path'));
const compileHeader = (source: string) => within(compileHeaderAt(source, 'headers.x'));
const compileTree = (source: Parameters<typeof compileTreeAt>[0]) =>
  within(compileTreeAt(source, { at: 'body', strictIds: true }));

const contextOf = (data: Record<string, unknown>): TemplateContext => ({
  event: { event_type: 'form.submitted', object_ref: '7', occurred_at: '2026-11-24T05:00:00Z', data },
  site: { id: 'site-a' },
  run: { id: 'run-1' },
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

test('$value keeps the type of what it names, and is null if there is nothing', () => {
  const tree = compileTree({
    id: { $value: 'event.data.id' },
    no: { $value: 'event.data.missing' },
    all: { $value: 'event.data' },
  });
  assert.deepEqual(tree.render(contextOf({ id: 7 })), { id: 7, no: null, all: { id: 7 } });
  assert.throws(() => compileTree({ id: { $value: 'event.data.id', other: 1 } }), /has no siblings/);
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
  assert.throws(() => path.render(contextOf({ id: '..' })), { at: 'path', why: 'unsafe' });
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
  assert.throws(() => endless.render(contextOf({})), { at: 'prompt', why: 'limit' });
});

test('a member with $optional is left out if its value is empty, and keeps its type if not', () => {
  const context = contextOf({ id: 7, no: false, blank: ' ', none: null, list: [] });
  const tree = {
    ...{ id: { $optional: 'event.data.id' }, no: { $optional: 'event.data.no' } },
    ...{ blank: { $optional: 'event.data.blank' }, none: { $optional: 'event.data.none' } },
    ...{ list: { $optional: 'event.data.list' }, missing_id: { $optional: 'event.data.missing' } },
  };
  assert.deepEqual(compileTree({ inner: tree }).render(context), { inner: { id: 7, no: false } });
  assert.deepEqual(compileTree(tree).reads.length, 6);
  assert.throws(() => compileTree({ a: { $optional: 'event.data.id', b: 1 } }), /has no siblings/);
  assert.throws(() => compileTree([{ $optional: 'event.data.id' }]), /of a member of an object/);
});

test('an inserted value that is empty fails a path, a header and an id, unless the template says that it may be', () => {
  const id = 'event.data.id';
  for (const empty of [undefined, null, '', ' ', '\n', []]) {
    const context = contextOf({ id: empty });
    const isEmpty = (at: string) => (error: unknown) =>
      error instanceof TemplateFault && error.why === 'empty' && error.at === at;
    assert.throws(() => compilePath(`/contacts/{{ ${id} }}`).render(context), isEmpty('path'));
    assert.throws(
      () => compilePath(`/contacts/{{ ${id} | default: event.data.other }}`).render(context),
      isEmpty('path'),
    );
    assert.throws(() => compileHeader(`{{ ${id} | downcase }}`).render(context), isEmpty('headers.x'));
    assert.throws(() => compileTree({ inputs: [{ id: `{{ ${id} }}` }] }).render(context), isEmpty('body.inputs[0].id'));
    assert.throws(() => compileTree({ contact_id: { $value: id } }).render(context), isEmpty('body.contact_id'));
    assert.throws(() => compileTree({ parentId: `p{{ ${id} }}` }).render(context), isEmpty('body.parentId'));
    assert.equal(compileText(`[{{ ${id} }}]`).render(context).length >= 2, true);
  }
  const context = contextOf({});
  assert.equal(compilePath(`/x/{{ ${id} | default: 'none' }}`).render(context), '/x/none');
  assert.equal(compilePath(`/x/{{ ${id} | default: "" }}`).render(context), '/x/');
  assert.equal(compileHeader(`{{ ${id} | default: "" }}`).render(context), '');
  assert.deepEqual(compileTree({ parent_id: `{{ ${id} | default: '' }}`, note: `{{ ${id} }}` }).render(context), {
    parent_id: '',
    note: '',
  });
  assert.equal(compilePath('/x{% if event.data.id %}/{{ event.data.id }}{% endif %}').render(context), '/x');
});

test('a header can hold any letters and begins no other header', () => {
  const header = compileHeader('{{ event.data.title }}');
  assert.equal(header.render(contextOf({ title: 'Schöner Titel\r\nX-Evil: 1' })), 'Schöner Titel  X-Evil: 1');
});

test('a list in a text is joined, behind a filter too, and an object is JSON', () => {
  const data = { email: ['A@x.example', 'B@x.example'], nested: [['a', 'b'], 'c'], object: { a: 1 } };
  const text = (source: string) => compileText(source).render(contextOf(data));
  assert.equal(text('{{ event.data.email }}'), 'A@x.example, B@x.example');
  assert.equal(text('{{ event.data.email | downcase | strip }}'), 'a@x.example, b@x.example');
  assert.equal(text('{{ event.data.email | one | downcase }}'), 'a@x.example');
  assert.equal(text('{{ event.data.nested }}'), 'a, b, c');
  assert.equal(text('{{ event.data.object }}'), '{"a":1}');
  assert.equal(text('{{ event.data.email | join: " and " }}'), 'A@x.example and B@x.example');
  assert.equal(text('{{ event.data.object.a | one }}{{ event.data.none }}'), '1');
});

test('a number of any length keeps its digits', () => {
  const data = parseJson('{"id":12345678901234567891}') as Record<string, unknown>;
  assert.equal(compilePath('/c/{{ event.data.id }}').render(contextOf(data)), '/c/12345678901234567891');
  const tree = compileTree({
    id: { $value: 'event.data.id' },
    text: 'no. {{ event.data.id }}',
    all: { $value: 'event.data' },
  });
  assert.equal(
    JSON.stringify(tree.render(contextOf(data))),
    '{"id":12345678901234567891,"text":"no. 12345678901234567891","all":{"id":12345678901234567891}}',
  );
});

test('what is rendered is well-formed', () => {
  const data = { half: 'a\ud83d', list: ['\udc00'] };
  assert.equal(compileText('{{ event.data.half }}{{ event.data.list }}').render(contextOf(data)), 'a\ufffd\ufffd');
  assert.deepEqual(compileTree({ x: { $value: 'event.data' } }).render(contextOf(data)), {
    x: { half: 'a\ufffd', list: ['\ufffd'] },
  });
  assert.equal(compilePath('/{{ event.data.half }}').render(contextOf(data)), '/a%EF%BF%BD');
});

test('no filter lets a value past its encoding', () => {
  for (const compile of [compilePath, compileHeader, compileText])
    assert.throws(() => compile('/{{ event.data.x | raw }}'), /undefined filter: raw/);
});

test('a filter that cannot take a value is a fault of its own, and is not tried again with more time', () => {
  for (const [source, value] of [
    ['{{ event.data.v | url_decode }}', '100%'],
    ['{{ event.data.v | plus: 1 }}', { valueOf: 1, toString: 2 }],
  ] as const)
    assert.throws(
      () => compileText(source).render(contextOf({ v: value })),
      (error: unknown) => error instanceof TemplateFault && error.why === 'unusable' && !error.message.includes('100%'),
    );
});

test('no filter cuts a character in half, and an object is shown as JSON whatever its members are called', () => {
  const shown = (source: string, v: unknown) => compileText(`{{ event.data.v | ${source} }}`).render(contextOf({ v }));
  assert.equal(shown("split: '' | join: '|'", 'a😀b'), 'a|😀|b');
  assert.equal(shown("truncate: 3, ''", 'ab😀cd'), 'ab😀');
  assert.equal(shown('slice: 2, 1', 'ab😀cd'), '😀');
  assert.equal(shown('json', { toString: 1, toLiquid: 2 }), '{"toString":1,"toLiquid":2}');
  assert.equal(shown('default: 1', { toString: 1, toLiquid: 2 }), '{"toString":1,"toLiquid":2}');
});

test('a template compares long numbers by every digit, and does not count with them', () => {
  const data = parseJson(
    '{"id":9007199254740993,"all":[{"id":9007199254740992,"name":"other"},{"id":9007199254740993,"name":"same"}],"long":0.12345678901234567891}',
  ) as Record<string, unknown>;
  const said = (source: string): string => compileText(source).render(contextOf(data));
  assert.equal(said('{{ event.data.all | where: "id", event.data.id | map: "name" }}'), 'same');
  assert.equal(said('{% if event.data.id == event.data.all[0].id %}same{% else %}other{% endif %}'), 'other');
  assert.equal(said('{% if event.data.id > event.data.all[0].id %}more{% endif %}'), 'more');
  assert.equal(said('{% case event.data.id %}{% when event.data.all[1].id %}same{% endcase %}'), 'same');
  assert.equal(
    said('{% assign id = event.data.id | append: "" %}{% if id == "9007199254740993" %}same{% endif %}'),
    'same',
  );
  assert.equal(said('{{ event.data.long | round: 2 }}'), '0.12');
  for (const filter of ['plus: 1', 'minus: 1', 'times: 1', 'round', 'abs', 'modulo: 10', 'at_most: 5'])
    assert.throws(() => said(`{{ event.data.id | ${filter} }}`), TemplateFault, filter);
  assert.throws(() => said('{{ event.data.all | map: "id" | sum }}'), TemplateFault);
});

test('a whole number that a template would change is refused when it is read', () => {
  for (const source of [
    '{% if event.data.id == 9007199254740993 %}a{% endif %}',
    '{{ all | where: "id", 9007199254740993 }}',
  ])
    assert.throws(() => compileText(source), /beyond 2\^53/, source);
  for (const source of [
    'no. 9007199254740993',
    '{{ "9007199254740993" }}',
    '{% if a == 9007199254740991 %}b{% endif %}',
  ])
    compileText(source);
});
