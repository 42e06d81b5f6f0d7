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
