import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BUILT_IN_EVENT_TYPES, type Catalogue, CatalogueError, loadCatalogue } from '@pressferry/contracts';
import fc from 'fast-check';

type Json = Record<string, unknown>;

const temporary = () => mkdtempDisposableSync(join(tmpdir(), 'pressferry-catalogue-'));
const write = (folder: string, files: Record<string, unknown>): void => {
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
};
const objectWith = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more });

/** The catalogue of one folder with these files. */
function load(files: Record<string, unknown>): Catalogue {
  using folder = temporary();
  write(folder.path, files);
  return loadCatalogue([folder.path]);
}

function faultsOf(files: Record<string, unknown>): string[] {
  using folder = temporary();
  write(folder.path, files);
  try {
    loadCatalogue([folder.path]);
  } catch (error) {
    assert.ok(error instanceof CatalogueError);
    return error.faults.map((fault) => fault.replace(`${folder.path}/`, ''));
  }
  return [];
}

describe('an operator’s folder', () => {
  const valid = objectWith({ seats: { type: 'integer' } });

  test('adds types, and replaces built-in ones', () => {
    using folder = temporary();
    write(folder.path, { 'booking.made.json': valid, 'order.paid.json': valid });
    const catalogue = loadCatalogue([BUILT_IN_EVENT_TYPES, folder.path]);
    assert.equal(catalogue.size, loadCatalogue([BUILT_IN_EVENT_TYPES]).size + 1);
    assert.deepEqual(catalogue.get('booking.made')?.check({ seats: 'two' }), [
      { pointer: '/data/seats', rule: 'type' },
    ]);
    assert.deepEqual(catalogue.get('order.paid')?.check({ seats: 2 }), []);
  });

  test('that is mounted from a ConfigMap is read once, through its current version', () => {
    using folder = temporary();
    for (const [version, type] of [
      ['..2026_11_23', 'old.type'],
      ['..2026_11_24', 'new.type'],
    ] as const) {
      mkdirSync(join(folder.path, version));
      write(join(folder.path, version), { [`${type}.json`]: valid });
    }
    symlinkSync('..2026_11_24', join(folder.path, '..data'));
    symlinkSync('..data/new.type.json', join(folder.path, 'new.type.json'));
    // A leftover link to what the current version no longer has, as kubelet leaves it for a moment.
    symlinkSync('..data/old.type.json', join(folder.path, 'old.type.json'));
    assert.deepEqual([...loadCatalogue([folder.path]).keys()], ['new.type']);
  });

  test('with a fault is refused with the file, the place inside it and the reason, all of them at once', () => {
    const faults = faultsOf({
      'a.one.json': objectWith({ x: { type: 'strnig' } }),
      'b.two.json': '{ "type": ',
      'Bad Name.json': valid,
      'c.three.json': objectWith({ x: { type: 'string', maxLenght: 3 } }),
      'd.four.json': { ...valid, examples: [{ seats: 1 }, { seats: 'two' }] },
      'e.five.json': [],
    });
    const starts = [
      'Bad Name.json: "Bad Name" is not an event type name',
      'a.one.json#/properties/x/type: must be equal to one of the allowed values: array, boolean',
      'b.two.json: Unexpected end of JSON input',
      'c.three.json#/properties/x/maxLenght: is not a keyword',
      'd.four.json#/examples/1/seats: the example breaks the rule "type"',
      'e.five.json: must hold a JSON object',
    ];
    for (const start of starts) {
      assert.ok(
        faults.some((fault) => fault.startsWith(start)),
        `no fault starts with ${start}:\n${faults.join('\n')}`,
      );
    }
  });

  test('that cannot be read is a fault that names it', () => {
    assert.throws(() => loadCatalogue(['/nonexistent/types']), /\/nonexistent\/types: cannot be read: ENOENT/);
  });

  test('whose types are as before gets the compiled checks it had', () => {
    using folder = temporary();
    write(folder.path, { 'a.one.json': valid, 'b.two.json': valid });
    const before = loadCatalogue([folder.path]);
    write(folder.path, { 'b.two.json': objectWith({}), 'modes.json': { 'a.one': 'off' } });
    const after = loadCatalogue([folder.path], before);
    assert.equal(after.get('a.one')?.check, before.get('a.one')?.check);
    assert.equal(after.get('a.one')?.mode, 'off');
    assert.notEqual(after.get('b.two')?.check, before.get('b.two')?.check);
  });
});

describe('modes', () => {
  test('modes.json goes before x-pressferry-mode, which goes before live; later folders go before earlier ones', () => {
    using first = temporary();
    using second = temporary();
    write(first.path, {
      'a.plain.json': objectWith({}),
      'b.dry.json': objectWith({}, { 'x-pressferry-mode': 'dry_run' }),
      'c.both.json': objectWith({}, { 'x-pressferry-mode': 'dry_run' }),
      'd.later.json': objectWith({}),
      'modes.json': { 'c.both': 'off', 'd.later': 'off' },
    });
    write(second.path, { 'modes.json': { 'd.later': 'dry_run' } });
    const modes = [...loadCatalogue([first.path, second.path])].map(([name, { mode }]) => [name, mode]);
    assert.deepEqual(Object.fromEntries(modes), {
      'a.plain': 'live',
      'b.dry': 'dry_run',
      'c.both': 'off',
      'd.later': 'dry_run',
    });
  });

  test('an unknown type or mode is a fault', () => {
    const faults = faultsOf({
      'a.one.json': objectWith({}),
      'b.two.json': objectWith({}, { 'x-pressferry-mode': 'maybe' }),
      'modes.json': '{"a.one": "on", "a.typo": "off", "__proto__": "off"}',
    });
    assert.deepEqual(faults, [
      'b.two.json#/x-pressferry-mode: must be "live", "dry_run" or "off"',
      'modes.json#/a.one: must be "live", "dry_run" or "off"',
      'modes.json#/a.typo: is not an event type of the catalogue',
      'modes.json#/__proto__: is not an event type of the catalogue',
    ]);
  });
});

describe('a schema that hostile data could make slow, or that reaches outside its file, is refused', () => {
  const short = { type: 'string', maxLength: 100 };
  const cases: Record<string, [schema: Json, pointer: string]> = {
    'a repeated group': [objectWith({ x: { ...short, pattern: '^(a+)+$' } }), '/properties/x/pattern'],
    'overlapping alternatives, repeated': [
      objectWith({ x: { ...short, pattern: '^(?:a|a)*$' } }),
      '/properties/x/pattern',
    ],
    'three overlapping repeats': [objectWith({ x: { ...short, pattern: '^a*a*a*$' } }), '/properties/x/pattern'],
    'a search without an anchor in a long text': [
      objectWith({ x: { type: 'string', maxLength: 1000, pattern: 'a+b$' } }),
      '/properties/x/pattern',
    ],
    'a slow pattern for member names': [
      { type: 'object', patternProperties: { '^(a+)+$': { type: 'string' } } },
      '/patternProperties/^(a+)+$',
    ],
    'a slow format without a bound': [objectWith({ x: { type: 'string', format: 'uri' } }), '/properties/x/format'],
    'a format that compiles what the sender wrote': [
      objectWith({ x: { ...short, format: 'regex' } }),
      '/properties/x/format',
    ],
    'uniqueness without a bound': [
      objectWith({ x: { type: 'array', uniqueItems: true } }),
      '/properties/x/uniqueItems',
    ],
    'a reference to another file': [objectWith({ x: { $ref: 'https://example.com/x.json' } }), '/properties/x/$ref'],
    'a reference to nothing': [objectWith({ x: { $ref: '#/$defs/none' } }), '/properties/x/$ref'],
    'a reference that leads back': [
      objectWith({ x: { $ref: '#/$defs/tree' } }, { $defs: { tree: { anyOf: [{ $ref: '#/$defs/tree' }] } } }),
      '/$defs/tree/anyOf/0/$ref',
    ],
    'a dynamic reference': [objectWith({ x: { $dynamicRef: '#x' } }), '/properties/x/$dynamicRef'],
    'another dialect': [{ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }, ''],
    'data that is no object': [{ type: 'array' }, '/type'],
  };
  for (const [name, [schema, pointer]] of Object.entries(cases)) {
    test(name, () => {
      const faults = faultsOf({ 'a.one.json': schema });
      assert.ok(
        faults.some((fault) => fault.startsWith(`a.one.json${pointer === '' ? '' : `#${pointer}:`}`)),
        `${pointer} is not among the faults: ${faults.join('; ')}`,
      );
    });
  }

  test('what is allowed stays fast on hostile text', () => {
    const check = load({
      'a.one.json': objectWith({
        short: { type: 'string', maxLength: 128, pattern: 'a.*b' },
        linear: { type: 'string', pattern: '^[a-z0-9-]+(\\.[a-z0-9-]+)*$' },
        link: { type: 'string', format: 'uri', maxLength: 8192 },
      }),
    }).get('a.one')?.check;
    const hostile = [
      { short: 'a'.repeat(250_000) },
      { short: 'a'.repeat(128) },
      { linear: `${'a.a'.repeat(80_000)}!` },
      { link: `http://${'a.'.repeat(4_000)}\\` },
    ];
    const before = process.threadCpuUsage();
    for (const data of hostile) assert.equal(check?.(data).length, 1);
    const tookMs = process.threadCpuUsage(before).user / 1_000;
    // About 5 ms; what the rules above keep out takes minutes.
    assert.ok(tookMs < 1_000, `took ${tookMs} ms of CPU`);
  });
});

describe('names of the prototype', () => {
  test('are members like others in data and in schemas', () => {
    const check = load({
      'a.one.json': objectWith({ constructor: { type: 'string' } }, { additionalProperties: false }),
      'b.two.json': objectWith({}, { required: ['constructor', 'toString'] }),
    });
    assert.deepEqual(check.get('a.one')?.check({}), []);
    assert.deepEqual(check.get('a.one')?.check(JSON.parse('{"__proto__": {"admin": true}}')), [
      { pointer: '/data', rule: 'additionalProperties' },
    ]);
    assert.deepEqual(check.get('b.two')?.check({}), [{ pointer: '/data/constructor', rule: 'required' }]);
  });

  test('any JSON is judged without throwing, and changes nothing', () => {
    const catalogue = loadCatalogue([BUILT_IN_EVENT_TYPES]);
    const hostileName = fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty', 'meta', 'fields', 'customer');
    const data = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue(),
        fc
          .array(fc.tuple(hostileName, tie('value')), { maxLength: 4 })
          .map((entries) =>
            JSON.parse(
              `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`,
            ),
          ),
      ),
    })).value;
    fc.assert(
      fc.property(data, (value) => {
        const before = JSON.stringify(value);
        for (const { check } of catalogue.values()) assert.ok(Array.isArray(check(value)));
        assert.equal(JSON.stringify(value), before);
        assert.equal(Object.hasOwn(Object.prototype, 'admin'), false);
      }),
      { numRuns: 300 },
    );
  });
});

test('an optional member that is null or empty counts as left out, a required one does not, and each fault is said once', () => {
  const check = loadCatalogue([BUILT_IN_EVENT_TYPES]).get('order.paid')?.check ?? assert.fail();
  const order = { order_id: 7, currency: 'EUR', total: '5.00' };
  const none = { ...order, paid_at: '', customer: { email: null, id: '', first_name: null }, items: null };
  assert.deepEqual(check(none), []);
  assert.deepEqual(check({ ...none, total: '' }), [{ pointer: '/data/total', rule: 'pattern' }]);
  assert.deepEqual(check({ ...none, nice: '' }), [{ pointer: '/data', rule: 'additionalProperties' }]);
  const many = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`v${index}`, {}]));
  const form = loadCatalogue([BUILT_IN_EVENT_TYPES]).get('form.submitted')?.check ?? assert.fail();
  const faults = form({ form_id: '7', fields: many }).map((fault) => JSON.stringify(fault));
  assert.deepEqual(faults, [...new Set(faults)]);
});
