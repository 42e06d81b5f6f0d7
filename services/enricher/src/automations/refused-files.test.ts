import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError } from '@pressferry/runtime';
import { fingerprintOf, loadAutomations } from './load.ts';

const LIMITS = { concurrency: 128 };
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-refused-'));
});
after(() => rm(folder, { recursive: true }));

let count = 0;
/** The faults of a file, each without the file's path; none if it can be used. */
async function faultsOf(yaml: string | Buffer): Promise<string[]> {
  const file = join(folder, `${count++}.yaml`);
  await writeFile(file, yaml);
  try {
    loadAutomations(file, { KEY: 'k' }, LIMITS);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replace(file, '').replace(/^:/, '').trim());
  }
}

const VENDOR =
  'vendors: { crm: { kind: http, base_url: "https://crm.example", auth: { header: X-Api-Key, value_env: KEY } } }';
const withStep = (step: string, more = ''): string =>
  `${VENDOR}\nautomations:\n  - name: a\n    on: [post.published]\n${more}    steps: [${step}]\n`;
const STEP = '{ name: s, type: http, vendor: crm, path: /x }';
const withHeaders = (headers: string): string =>
  withStep(`{ name: s, type: http, vendor: crm, path: /x, headers: { ${headers} } }`);
const withWhen = (when: string): string => withStep(STEP, `    when: ${JSON.stringify(when)}\n`);

test('a file that is empty, in whatever way, or that lists no automations, is refused', async () => {
  for (const text of ['', '  \n', 'null', '# later\n', '\ufeff'])
    assert.deepEqual(await faultsOf(text), ['1:1: is empty']);
  for (const text of ['{}', VENDOR]) assert.match((await faultsOf(text)).join(), /has no list of automations/);
  assert.deepEqual(await faultsOf('automations: []'), []);
});

test('a mark of the byte order is passed over, and another encoding is refused, because its words would be other ones', async () => {
  assert.deepEqual(await faultsOf(`\ufeff${withStep(STEP)}`), []);
  const grusse = withStep('{ name: s, type: http, vendor: crm, path: /x, body: { a: "Gr\u00fc\u00dfe" } }');
  for (const encoding of ['latin1', 'utf16le'] as const)
    assert.deepEqual(await faultsOf(Buffer.from(grusse, encoding)), ['1:1: is not in UTF-8']);
});

test('YAML that JavaScript or YAML itself would take for something else is refused with its line', async () => {
  const body = (text: string): string => withStep(`{ name: s, type: http, vendor: crm, path: /x, body: { ${text} } }`);
  for (const [yaml, fault] of [
    [`${VENDOR}\nautomations:\n\t- name: a\n`, /^3:1: tab as indent/],
    [`${VENDOR}\nautomations: []\nautomations: []\n`, /^3:1: duplicate key/],
    [`${withStep(STEP)}---\n${withStep(STEP)}`, /^\d:1: multiple docs/],
    ['vendors: { __proto__: { kind: http } }\nautomations: []', /^1:12: __proto__ cannot be a key/],
    [body('__proto__: { a: b }'), /^5:\d+: __proto__ cannot be a key/],
    [body('? [a, b] : c'), /^5:\d+: a key must be a text/],
    [body('id: 12345678901234567890'), /^5:\d+: has more digits than a number keeps/],
    [body('id: -9007199254740993'), /^5:\d+: has more digits than a number keeps/],
    [body('a: !!js/function "x"'), /^5:\d+: tag resolve failed/],
    [`${VENDOR}\nautomations: *nothing\n`, /^2:14: \*nothing is an alias of no anchor/],
    [
      withStep('{ name: s, type: http, vendor: crm, path: /x, on_error: { fallback: &f { a: *f } } }'),
      /^5:\d+: \*f is a part/,
    ],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdef'.replaceAll(/./g, (name, at) => `${name}: &${name} [${`*${'abcde'[at]},`.repeat(9)}]\n`)}`,
      /^2:\d+: aliases make too much of it/,
    ],
  ] as const)
    assert.match((await faultsOf(yaml)).join('\n'), fault, yaml);
  assert.deepEqual(await faultsOf(body('id: "12345678901234567890", price: 1e300, yes: yes')), []);
});

test('a header that enricher sets, or that is of the connection, is refused in every case of its letters', async () => {
  const names = [
    'Authorization',
    'Host',
    'Cookie',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Expect',
    'TE',
  ];
  names.push(
    'Idempotency-Key',
    'Traceparent',
    'Keep-Alive',
    'Proxy-Connection',
    'Upgrade',
    'Trailer',
    'Accept-Encoding',
  );
  for (const name of names)
    for (const written of [
      name,
      name.toLowerCase(),
      name.toUpperCase(),
      name.replace(/./g, (c, at) => (at % 2 ? c.toUpperCase() : c.toLowerCase())),
    ])
      assert.deepEqual(await faultsOf(withHeaders(`${written}: x`)), [
        `5:70: automations[0].steps[0].headers.${written}: is a header that a step may not set`,
      ]);
});

test('a step cannot replace the credential of its vendor, nor give one header twice', async () => {
  assert.deepEqual(await faultsOf(withHeaders('x-API-key: x')), [
    '5:70: automations[0].steps[0].headers.x-API-key: is the header of the credential of "crm"',
  ]);
  assert.deepEqual(await faultsOf(withHeaders('X-A: a, x-a: b')), [
    '5:78: automations[0].steps[0].headers.x-a: is given twice',
  ]);
  assert.match(
    (await faultsOf(withStep(STEP).replace('X-Api-Key', 'host'))).join(),
    /vendors\.crm\.auth\.header: is a header that no/,
  );
});

test('a path that no request could have is refused, and not left to fail in every run', async () => {
  for (const path of ['//evil.example/x', '/../x', '/a/./b', '/a b', '/a\\b'])
    assert.deepEqual(await faultsOf(withStep(`{ name: s, type: http, vendor: crm, path: '${path}' }`)), [
      '5:49: automations[0].steps[0].path: must not hold spaces, backslashes or dot segments, or begin with two slashes',
    ]);
  assert.deepEqual(await faultsOf(withStep("{ name: s, type: http, vendor: crm, path: '/a/..b/c?d=.#x' }")), []);
});

test('a condition that could never hold is refused: a wrong path, a value that is not a truth, a pattern that does not parse', async () => {
  for (const [when, fault] of [
    ['event.dta.total > 1.0', /cannot read event\.dta/],
    ["event.occurred_at > '2026'", /cannot read event\.occurred_at/],
    ["event.data.titel == 'x'", /no event type of "on" declares data\.titel/],
    ['has(event.data.titel)', /declares data\.titel/],
    ["event.data['titel'] == 'x'", /declares data\.titel/],
    ["site.label.plan == 'gold'", /a site has no "label"/],
    ["event.data.meta.lines.exists(l, l.sku == 'a' && site.lables.plan == 'b')", /a site has no "lables"/],
    ['1 + 1', /gives a value of type int/],
    ["'yes'", /gives a value of type string/],
    ["event.data.title.matches('(')", /the pattern cannot be used/],
    ["event.data.title.matches('(?=a)')", /the pattern cannot be used/],
    [`event.data.title.matches('${'a'.repeat(501)}')`, /longer than 500/],
  ] as const) {
    const [found, ...others] = await faultsOf(withWhen(when));
    assert.match(found ?? '', /^5:5: automations\[0\]\.when: /);
    assert.match(found ?? '', fault);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(
    await faultsOf(
      withWhen(
        "has(event.data.meta.a) && site.labels.plan in ['gold'] || event.data.meta.lines.exists(l, l.total > 1.0)",
      ),
    ),
    [],
  );
});

test('an event type that no catalogue has is refused with its line and path, unless a folder of EVENT_TYPES_DIRS has it', async () => {
  const yaml = withStep('{ name: s, type: http, vendor: crm, path: /x }').replace(
    'post.published',
    'post.published, form.submited',
  );
  assert.deepEqual(await faultsOf(yaml), [
    '4:26: automations[0].on[1]: no event type is named "form.submited"; one of your own is read from EVENT_TYPES_DIRS',
  ]);
  const file = join(folder, `${count++}.yaml`);
  await writeFile(file, yaml);
  assert.throws(() => loadAutomations(file, { KEY: 'k' }, LIMITS), /\.yaml:4:\d+: automations\[0\]\.on\[1\]: no event/);
  const types = join(folder, 'types');
  const limits = { ...LIMITS, eventTypes: [types] };
  assert.throws(() => loadAutomations(file, { KEY: 'k' }, limits), /types: cannot be read/);
  await mkdir(types);
  const before = fingerprintOf(file, [types]);
  await writeFile(join(types, 'form.submited.json'), '{"type":"object"}');
  assert.notEqual(fingerprintOf(file, [types]), before);
  assert.deepEqual([...loadAutomations(file, { KEY: 'k' }, limits).automations.keys()], ['a']);
});
