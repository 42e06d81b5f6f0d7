import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@pressferry/runtime';
import { loadAutomations } from './load.ts';

const LIMITS = { concurrency: 128 };
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-automations-'));
});
after(() => rm(folder, { recursive: true }));

let count = 0;
async function load(yaml: string, env: Record<string, string> = {}) {
  const file = join(folder, `${count++}.yaml`);
  await writeFile(file, yaml);
  return loadAutomations(file, env, LIMITS);
}

/** The faults of a file, without its path. */
async function faultsOf(yaml: string, env: Record<string, string> = {}): Promise<string[]> {
  try {
    await load(yaml, env);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    const lines = error.message.split('\n').slice(1);
    return lines.map((line) => line.replace(/^.*?\.yaml:(\d+:\d+:(?= \S+:))?/, '').trim());
  }
}

const VENDOR = 'vendors: { llm: { kind: llm, provider: openai, api_key_env: KEY, model: m } }';
const automation = (step: string, rest = ''): string =>
  `${VENDOR}\nautomations: [{ name: a, on: [post.published], steps: [{ name: s, type: llm, vendor: llm, ${step} }] ${rest} }]`;

test('faults of steps that call no vendor, and of upserts, are named with their paths', async () => {
  const faults = await faultsOf(`
vendors: { crm: { kind: http, base_url: 'https://crm.example' } }
automations:
  - name: a
    on: [form.submitted]
    steps:
      - { name: one, type: transform, value: { sum: { $cel: 'event.dta.total * 2' }, next: { $cel: steps.two.output } } }
      - { name: bad, type: transform, value: [{ $cel: '1 +' }] }
      - { name: long, type: delay, until: '7' }
      - { name: crm, type: hubspot, vendor: crm, id: '{{ event.data.email | nope }}' }
      - { name: body, type: http, vendor: crm, path: /x, body: { a: { $cel: '1' } } }
`);
  const [bad, ...others] = faults.filter((fault) => fault.includes('an expression in CEL'));
  assert.match(bad ?? '', /^automations\[0\]\.steps\[1\]\.value\[0\]: is not an expression in CEL/);
  assert.deepEqual(others, []);
  assert.deepEqual(
    faults.filter((fault) => fault !== bad),
    [
      'automations[0].steps[0].value.sum: an event has no "dta" (its data is event.data)',
      'automations[0].steps[0].value.next: no earlier step is named "two"',
      'automations[0].steps[2].until: gives no instant, but a value of type int',
      'automations[0].steps[3].id: undefined filter: nope',
      'automations[0].steps[4].body.a: $cel is of the value of a transform step: read that one here',
    ],
  );
  const forms = await faultsOf(`
automations:
  - name: a
    on: [form.submitted]
    steps:
      - { name: none, type: delay }
      - { name: both, type: delay, for: 10m, until: event.occurred_at }
      - { name: long, type: delay, for: 31d }
      - { name: soon, type: approve, timeout: soon }
      - { name: sends, type: transform, value: 1, pii: mask }
`);
  assert.deepEqual(
    forms.map((fault) => fault.split(':')[0]),
    [0, 1, 2, 3, 4].map((step) => `automations[0].steps[${step}]${['.for', '.for', '.for', '.timeout', ''][step]}`),
  );
});

test('every fault is listed with its file and path', async () => {
  const faults = await faultsOf(
    `
vendors:
  llm: { kind: llm, provider: openai, api_key_env: KEY }
  crm: { kind: http, base_url_env: CRM_BASE_URL, auth: { header: Authorization, value_env: CRM_API_KEY } }
automations:
  - name: a
    on: [post.published]
    steps:
      - { name: one, type: llm, vendor: llm, prompt: '{{ event.dta.title }} {{ steps.two.output }}' }
      - { name: two, type: http, vendor: llm, path: /x, body: { a: '{{ x | nope }}' } }
      - { name: two, type: http, vendor: missing, path: /x }
    result: { text: '{{ steps.one.answer }} {{ env.KEY }}' }
`,
    { KEY: 'sk-secret' },
  );
  assert.deepEqual(faults, [
    'vendors.crm.base_url: CRM_BASE_URL is not set',
    'vendors.crm.auth.value_env: CRM_API_KEY is not set',
    'automations[0].steps[0].prompt: an event has no "dta" (its data is event.data)',
    'automations[0].steps[0].prompt: no earlier step is named "two"',
    'automations[0].steps[1].body.a: undefined filter: nope',
    'automations[0].steps[2].name: "two" is used twice',
    'automations[0].result.text: a step has no "answer": only output',
    'automations[0].result.text: "env" is not there to be read: only event, site, run and steps are',
    'automations[0].steps[0].model: neither the step nor its vendor names a model',
    'automations[0].steps[1].vendor: "llm" is of kind llm, the step of type http',
    'automations[0].steps[2].vendor: no vendor is named "missing"',
  ]);
});

test('unknown members are refused, a key in the file among them, and its value is not printed', async () => {
  const [fault, ...others] = await faultsOf(
    'vendors: { llm: { kind: llm, provider: openai, api_key: sk-very-secret } }',
  );
  assert.match(fault ?? '', /vendors\.llm: Unrecognized key: "api_key"/);
  assert.doesNotMatch(fault ?? '', /very-secret/);
  assert.deepEqual(others, []);
});

test('YAML that is none is a fault with its line, and nothing of it is printed', async () => {
  const faults = await faultsOf('vendors:\n  llm: { kind: llm, api_key_env: [sk-very-secret\n');
  assert.ok(faults.length > 0);
  assert.match(faults[0] ?? '', /^\d+:\d+: /);
  assert.doesNotMatch(faults.join(), /very-secret/);
});

test('an empty file and aliases that lead nowhere, or to too much, are faults', async () => {
  assert.deepEqual(await faultsOf(''), ['1:1: is empty']);
  assert.match((await faultsOf('vendors: *nothing')).join(), /alias/);
});

test('a vendor is told by the environment, and a mounted file is as good as a variable', async () => {
  const yaml =
    'vendors: { llm: { kind: llm, provider: openai-compatible, provider_env: P, base_url_env: U, api_key_env: K, model: small, model_env: M } }\nautomations: []';
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, 'secret-from-a-file\n');
  const anthropic = (await load(yaml, { P: 'anthropic', K_FILE: keyFile, M: 'large' })).vendors.get('llm');
  assert.ok(anthropic?.kind === 'llm');
  assert.deepEqual(
    [anthropic.provider, anthropic.baseUrl, anthropic.apiKey, anthropic.model],
    ['anthropic', undefined, 'secret-from-a-file', 'large'],
  );
  const ollama = (await load(yaml, { U: 'http://127.0.0.1:11434/v1/' })).vendors.get('llm');
  assert.ok(ollama?.kind === 'llm');
  assert.deepEqual(
    [ollama.provider, ollama.baseUrl, ollama.apiKey, ollama.model],
    ['openai-compatible', 'http://127.0.0.1:11434/v1', undefined, 'small'],
  );
  assert.deepEqual(await faultsOf(yaml, { P: 'openai' }), ['vendors.llm.api_key_env: K is not set']);
  assert.deepEqual(await faultsOf(yaml, { P: 'other', U: 'ftp://u:p@host' }), [
    'vendors.llm.base_url: must be an http(s) URL without credentials, query or fragment',
    'vendors.llm.provider: must be one of openai-compatible, openai, anthropic, azure',
  ]);
});

test('a step may not set the headers that carry secrets, ids or the trace', async () => {
  const yaml = `
vendors: { crm: { kind: http, base_url: 'https://crm.example' } }
automations:
  - name: a
    on: [post.published]
    steps: [{ name: s, type: http, vendor: crm, path: /, headers: { Authorization: x, Idempotency-Key: y, X-Fine: z } }]
`;
  const faults = await faultsOf(yaml);
  assert.equal(faults.length, 2);
  assert.match(faults.join(), /headers\.Authorization: .*headers\.Idempotency-Key: /);
});

test('conditions look at the data or the object only', async () => {
  const faults = await faultsOf(automation("prompt: ''", ', when: { dat.status: x }'), { KEY: 'k' });
  assert.deepEqual(faults, ['automations[0].when.dat.status: must begin with "data." or be "object_ref"']);
});

test("the vendors' calls in flight may not add up to more than the worker is allowed", async () => {
  const yaml = 'vendors: { a: { kind: http, base_url: "https://a.example", max_concurrency: 200 } }';
  assert.match((await faultsOf(yaml)).join(), /add up to 200, more than WORKER_CONCURRENCY \(128\)/);
});

test('a folder is read as one, in the order of names; a name declared twice is a fault, unless it is the same vendor', async () => {
  const parts = join(folder, 'parts');
  await mkdir(parts);
  await writeFile(join(parts, 'a.yaml'), VENDOR);
  await writeFile(join(parts, 'b.yml'), automation("prompt: ''").replace(VENDOR, ''));
  await writeFile(join(parts, 'README.md'), 'not YAML: [');
  assert.deepEqual([...loadAutomations(parts, { KEY: 'k' }, LIMITS).automations.keys()], ['a']);
  await writeFile(join(parts, 'b2.yaml'), VENDOR);
  assert.deepEqual([...loadAutomations(parts, { KEY: 'k' }, LIMITS).vendors.keys()], ['llm']);
  await writeFile(join(parts, 'c.yaml'), automation("prompt: ''").replace('kind: llm', 'timeout_ms: 99, kind: llm'));
  assert.throws(
    () => loadAutomations(parts, { KEY: 'k' }, LIMITS),
    /c\.yaml:1:35: vendors\.llm.*twice(.|\n)*c\.yaml:2:17: .*"a" is declared twice/,
  );
});

test('the automations that come with the product are without a fault, whichever provider is chosen', () => {
  const path = fileURLToPath(new URL('../../../../config/automations', import.meta.url));
  for (const LLM_PROVIDER of ['openai-compatible', 'openai', 'anthropic', '']) {
    const env = {
      LLM_PROVIDER,
      LLM_BASE_URL: LLM_PROVIDER === 'anthropic' ? '' : 'https://llm.example/v1',
      LLM_API_KEY: 'k',
      LLM_MODEL: 'm',
      CRM_BASE_URL: 'https://crm.example',
      CRM_API_KEY: 'k',
    };
    const { automations } = loadAutomations(path, env, LIMITS);
    assert.deepEqual([...automations.keys()], ['summarize-post', 'answer-comment', 'lead-to-crm', 'order-to-crm']);
  }
});

test('a fault names the line of the part that it is about', async () => {
  const file = join(folder, 'lines.yaml');
  await writeFile(
    file,
    `vendors:
  crm:
    kind: http
    base_url: https://crm.example
automations:
  - name: a
    on: [post.published]
    when:
      dat.status: x
    sites: [site-a, "No Site"]
    steps:
      - name: s
        type: http
        vendor: crm
        path: /x
        headers:
          Cookie: x
      - name: t
        type: http
        vendor: nowhere
        path: /x
`,
  );
  const said = (): string => {
    try {
      loadAutomations(file, {}, LIMITS);
      return '';
    } catch (error) {
      return (error as Error).message.replaceAll(folder, '');
    }
  };
  assert.match(said(), /lines\.yaml:10:21: automations\[0\]\.sites\[1\]: is not a site id/);
  assert.match(
    said(),
    /lines\.yaml:17:11: automations\[0\]\.steps\[0\]\.headers\.Cookie: is a header that a step may not set/,
  );
  await writeFile(file, (await readFile(file, 'utf8')).replace('Cookie', 'X-Fine').replace(', "No Site"', ''));
  assert.match(said(), /lines\.yaml:9:7: automations\[0\]\.when\.dat\.status: must begin/);
  assert.match(said(), /lines\.yaml:20:9: automations\[0\]\.steps\[1\]\.vendor: no vendor is named "nowhere"/);
});

test('aliases that multiply are refused before they are expanded', async () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [index, name] of [...'bcdefgh'].entries())
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`);
  assert.match((await faultsOf(`${bomb.join('\n')}\nvendors: *h`)).join(), /^\d+:\d+: .*aliases make too much of it/);
});

test('a definition has the same version however its members are ordered, and another one once it means something else', async () => {
  const versionOf = async (yaml: string) => (await load(yaml, { KEY: 'k' })).automations.get('a')?.version;
  const one = await versionOf(automation("prompt: 'x', model: m"));
  assert.equal(await versionOf(automation("model: m, prompt: 'x'")), one);
  assert.notEqual(await versionOf(automation("prompt: 'y', model: m")), one);
});

test("a vendor's rate names a limit at least, a known one, and tokens only of a model", async () => {
  const withRate = (kind: string, rate: string): Promise<string[]> => {
    const llm = `llm: { kind: llm, provider: openai-compatible, base_url: 'http://llm.example', model: m, ${rate} }`;
    return faultsOf(
      `vendors: { ${kind === 'llm' ? llm : `crm: { kind: http, base_url: 'http://crm.example', ${rate} }`} }`,
    );
  };
  for (const [kind, rate, fault] of [
    ['llm', 'rate: {}', 'vendors.llm.rate: must name a limit: requests_per_minute, tokens_per_minute or concurrency'],
    ['llm', 'rate: { requests: 5 }', 'vendors.llm.rate: Unrecognized key: "requests"'],
    ['llm', 'rate: { concurrency: 0 }', 'vendors.llm.rate.concurrency: Too small: expected number to be >=1'],
    [
      'http',
      'rate: { tokens_per_minute: 9 }',
      'vendors.crm.rate.tokens_per_minute: is of vendors of the kind llm alone',
    ],
  ] as const)
    assert.ok((await withRate(kind, rate)).includes(fault), fault);
  const file = `vendors: { crm: { kind: http, base_url: 'http://crm.example', rate: { requests_per_minute: 60 } } }\nautomations: []`;
  const { vendors } = await load(file);
  assert.deepEqual(vendors.get('crm')?.rate, { requestsPerMinute: 60, tokensPerMinute: null, concurrency: null });
});
