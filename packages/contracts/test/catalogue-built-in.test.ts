import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { BUILT_IN_EVENT_TYPES, loadCatalogue } from '@pressferry/contracts';

type Json = Record<string, unknown>;

describe('the built-in event types', () => {
  const catalogue = loadCatalogue([BUILT_IN_EVENT_TYPES]);

  test('are those of the product and the one that sites test with, live, each with a valid example', () => {
    assert.deepEqual(
      [...catalogue.keys()].sort(),
      [
        'comment.created',
        'form.submitted',
        'order.paid',
        'order.refunded',
        'post.published',
        'post.updated',
        'pressferry.test',
        'subject.erasure_requested',
        'user.registered',
      ].sort(),
    );
    for (const { mode, sample, check } of catalogue.values()) {
      assert.equal(mode, 'live');
      assert.notEqual(sample, undefined);
      assert.deepEqual(check(sample), []);
    }
  });

  test('bound every text and list, and describe every member', () => {
    for (const { name, schema } of catalogue.values()) {
      const unbounded = [...places(schema)].filter(
        ([, { type, maxLength, maxItems }]) =>
          (type === 'string' && maxLength === undefined) || (type === 'array' && maxItems === undefined),
      );
      assert.deepEqual(unbounded, [], `${name} has unbounded members`);
      const undescribed = [...places(schema)].filter(
        ([pointer, { description }]) => /\/properties\/[^/]+$/.test(pointer) && description === undefined,
      );
      assert.deepEqual(undescribed, [], `${name} has members without a description`);
    }
  });

  test('know every member that the plugin sends', () => {
    const sources = new URL('../../../wordpress/pressferry/src/Events/', import.meta.url);
    let checked = 0;
    const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.php'));
    for (const file of files) {
      const php = readFileSync(new URL(file, sources), 'utf8');
      const type = /const TYPE = '([a-z_.]+)'/.exec(php)?.[1];
      // The array literal is either an argument or assigned to $data first.
      const data = /(?:'data'\s*=>|\$data\s*=)\s*array\(([\s\S]*?)\n\t+\)/.exec(php)?.[1];
      if (type === undefined || data === undefined) continue;
      const known = Object.keys(catalogue.get(type)?.schema.properties ?? {});
      const sent = [...data.matchAll(/^\t+'([a-z_]+)'\s*=>/gm)].map(([, name]) => name ?? '');
      assert.ok(sent.length > 0);
      assert.deepEqual(
        sent.filter((name) => !known.includes(name)),
        [],
        `${type} does not know what ${file} sends`,
      );
      checked++;
    }
    assert.ok(checked >= 2, `only ${checked} sources of the plugin were recognised`);
  });

  test('take what WordPress really holds: addresses and paths beyond ASCII, amounts with six decimals', () => {
    const check = (type: string, changes: Json) =>
      catalogue.get(type)?.check({ ...catalogue.get(type)?.sample, ...changes });
    assert.deepEqual(check('post.published', { url: 'https://münchen.example/größe/?p=17' }), []);
    assert.deepEqual(check('user.registered', { email: 'jürgen@münchen.example' }), []);
    assert.deepEqual(check('order.paid', { total: '16.666667' }), []);
    assert.deepEqual(check('post.published', { url: 'javascript:alert(1)' }), [
      { pointer: '/data/url', rule: 'pattern' },
    ]);
  });
});

/** Every subschema with its JSON pointer. */
function* places(schema: Json, pointer = ''): Generator<[string, Json]> {
  yield [pointer, schema];
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'examples' || typeof value !== 'object' || value === null) continue;
    yield* places(value as Json, `${pointer}/${name}`);
  }
}
