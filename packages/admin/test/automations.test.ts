import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = join(ROOT, 'packages/admin/src/main.ts');
const SECRET = 'sk-of-the-environment-0123456789';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-automations-'));
});
after(() => rm(folder, { recursive: true }));

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

const automations = (...words: string[]): Promise<{ code: number; said: string }> =>
  new Promise((resolve) => {
    // No address of a database or of NATS, and a secret that nothing may print.
    const env = { PATH: process.env.PATH, LLM_API_KEY: SECRET, CRM_API_KEY: SECRET };
    execFile(process.execPath, [MAIN, 'automations', ...words], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: `${stdout}${stderr}` }),
    );
  });

const yaml = (step: string, on = 'form.submitted'): string => `vendors:
  llm: { kind: llm, provider: openai, api_key_env: LLM_API_KEY, model: m }
automations:
  - name: a
    on: [${on}]
    steps:
      - name: one
        type: llm
        vendor: llm
        ${step}
    result: { said: '{{ steps.one.output.text }}' }
`;

test('the automations that come with the product are valid without any variable', async () => {
  const { code, said } = await automations('validate');
  assert.equal(code, 0);
  assert.match(said, /4 automations and 2 vendors are without a fault/);
});

test('the ready-made automations are valid together, and the event of each shows what it would send', async () => {
  const ready = join(ROOT, 'config/automations/ready');
  assert.match((await automations('validate', ready)).said, /6 automations and 3 vendors are without a fault/);
  const ofEvents = {
    'post.published': ['post-summary', 'post-assets'],
    'form.submitted': ['form-with-approval', 'lead-to-hubspot'],
    'order.paid': ['order-to-hubspot', 'order-to-salesforce'],
  };
  for (const [event, names] of Object.entries(ofEvents)) {
    const { code, said } = await automations('test', join(ready, `events/${event}.json`), ready, '--dry-run');
    assert.equal(code, 0, said);
    for (const name of names) assert.match(said, new RegExp(`── ${name}\n`));
  }
});

test('an unknown event type, a member that no type declares and an empty file are refused with file and line', async () => {
  const unknown = await automations('validate', await file('a.yaml', yaml("prompt: 'x'", 'form.sent')));
  assert.equal(unknown.code, 1);
  assert.match(unknown.said, /a\.yaml:5:10: automations\[0\]\.on\[0\]: no event type is named "form\.sent"/);
  const misread = await file('b.yaml', yaml("prompt: '{{ event.data.form_nam }}'"));
  assert.match((await automations('validate', misread)).said, /b\.yaml:10:9: .*declares data\.form_nam/);
  assert.equal((await automations('validate', '--any-data', misread)).code, 0);
  assert.match((await automations('validate', await file('c.yaml', ''))).said, /c\.yaml:1:1: is empty/);
});

test('a site that is not listed is refused with file, line and path wherever it is named; without a list they are named', async () => {
  const more = `    sites: [shop-1, shop-2]
    mode: { sites: { shop-3: dry_run } }
    when: site.id in ['shop-4', 'shop-1'] || site.id == "shop-5"
`;
  const files = await file('e.yaml', `${yaml("prompt: 'x'")}${more}`);
  const unlisted = await automations('validate', files);
  assert.equal(unlisted.code, 0);
  assert.match(unlisted.said, /Not looked up: the sites shop-1, shop-2, shop-3, shop-4, shop-5\. Pass --registry/);
  const lines = await file('sites.txt', '# ours\nshop-1\n\n shop-2\r\n');
  const { code, said } = await automations('validate', files, '--sites', lines);
  assert.equal(code, 1);
  const refused = said.split('\n').filter((line) => line.includes('no site is registered'));
  const placed = refused.map((line) =>
    line.replace(/^.*e\.yaml:/, '').replace(/ no site is registered as (\S+):.*$/, ' $1'),
  );
  assert.deepEqual(placed, [
    '13:22: automations[0].mode.sites.shop-3: "shop-3"',
    '14:5: automations[0].when: "shop-4"',
    '14:5: automations[0].when: "shop-5"',
  ]);
  const listed = JSON.stringify([1, 2, 3, 4, 5].map((number) => ({ site_id: `shop-${number}`, status: 'active' })));
  const json = await automations('validate', files, '--sites', await file('sites.json', listed));
  assert.deepEqual([json.code, json.said.includes('Not looked up')], [0, false]);
  for (const [name, text, why] of [
    ['none.txt', '# nothing\n', /names no site/],
    ['not.json', '[', /is not JSON/],
    ['bad.txt', 'Shop 1\n', /not a site id/],
  ] as const) {
    const faulty = await automations('validate', files, '--sites', await file(name, text));
    assert.equal(faulty.code, 78);
    assert.match(faulty.said, why);
  }
  assert.equal((await automations('validate', files, '--sites', lines, '--registry')).code, 2);
  assert.match((await automations('validate', files, '--registry')).said, /DATABASE_URL/);
});

test('a template that does not compile is a fault with its line, not a crash', async () => {
  const broken = await automations(
    'validate',
    await file('f.yaml', yaml("prompt: '{{ event.data.form_name | nope }}'")),
  );
  assert.match(broken.said, /f\.yaml:10:9: automations\[0\]\.steps\[0\]\.prompt: undefined filter: nope/);
  assert.deepEqual([broken.code, broken.said.includes('    at ')], [1, false]);
});

test('a dry run prints what would be sent, masked as the step asks, and no secret', async () => {
  const event = await file(
    'event.json',
    JSON.stringify({
      event_type: 'form.submitted',
      data: { form_id: '7', fields: { message: 'Write to ada@example.com' } },
    }),
  );
  const files = await file('d.yaml', yaml("pii: mask\n        prompt: '{{ event.data.fields.message }}'"));
  const { code, said } = await automations('test', event, files, '--dry-run');
  assert.equal(code, 0);
  assert.match(said, /POST https:\/\/api\.openai\.com\/v1\/chat\/completions/);
  assert.match(said, /authorization: Bearer \$LLM_API_KEY/);
  assert.doesNotMatch(said, /ada@example|sk-of-the-environment/);
  assert.match(said, /"said": "\(the answer of one\)"/);
  assert.equal((await automations('test', event, files)).code, 2);
});
