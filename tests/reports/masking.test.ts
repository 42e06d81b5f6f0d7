// Report 12, masking eats ordinary prose: traycerai/traycer PR 847 (review thread), NousResearch/hermes-agent issue 72774.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { maskText } from '@pressferry/masking';
import type { TestPostgres } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { completion, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const TEXT =
  'It explains the basic principles of harbour work, gives basic information and links /sk-winter-jacket-blue-xl/. A Basic subscription, a bearer certificate: write to ada@example.com, +49 151 23456789.';

test('prose, slugs and names of courses are shown as they are', () => {
  for (const text of [
    'It explains the basic principles of harbour work, gives basic information, and links /sk-winter-jacket-blue-xl/',
    'Our basic membership costs 5. A Basic subscription, a bearer certificate.',
    'Basic sailing-course',
    'sk-2024-summer-01 /pat-testing-appliances/',
    'iPhone 15 with 128, 256 or 512 GB; Hotel 2024 2025; Rappel : 24/11/2026 à 10 h',
    'Coordinates +52.520008, +13.404954; growth +12.345.678 EUR, +1 234 567 visitors, +3.14159265',
    'logo@2x.png, react@18.2.0, commit 9fceb02d0ae598e95dc970b74767f19372d61af8, SKU 0012-345-67890',
    'Token: ERC20-compatible; a bearer 12-month-certificate; Signature: 2024-winter-edition',
    'Kapitel 1.2.3.4; ISBN 978-3-16-148410-0; GTIN 04006381333931; UUID 5d1f2f6e-6d5b-5d43-8f51-5d6b7f6d1a11',
    'Ihr Passwort: mindestens 8 Zeichen. Le mot de passe : au moins 8 lettres. Contraseña: mínimo 8.',
  ])
    assert.equal(maskText(text), text);
});

test('a secret or an address is masked in whatever form it is written', () => {
  for (const [text, masked] of [
    ['ada@exa\u200bmple.com', '[email]'],
    ['ａｄａ＠example.com', '[email]'],
    ['ada (at) example (dot) com', '[email]'],
    ['４２４２ ４２４２ ４２４２ ４２４２', '[card]'],
    ['sk\u200b-proj-abcdEFGH1234567890', '[secret]'],
    ['Cookie: session=abcdef0123456789', 'Cookie: [secret]'],
    ['Application password: abcd EFGH 1234 ijkl MNOP 6789', 'Application password: [secret]'],
    ['{"password":["hunter22"]}', '{"password":["[secret]"]}'],
    ['0151 23456789', '[phone]'],
  ] as const)
    assert.equal(maskText(text), masked);
});

const AUTOMATION = `
automations:
  - name: summarise
    on: [form.submitted]
    steps:
      - { name: summary, type: llm, vendor: llm, prompt: 'Sum up' }
      - { name: note, type: http, vendor: crm, path: /notes, body: { text: '{{ steps.summary.output.text }}' } }
    result: { text: '{{ steps.summary.output.text }}' }
`;

test('what a vendor says reaches the next step and the site as it said it', async () => {
  await using vendor = await startVendor(({ url }) => ({ body: url === '/notes' ? {} : completion(TEXT) }));
  await using world = await startWorld(postgres);
  const env = { LLM_BASE_URL: vendor.url, CRM_BASE_URL: vendor.url };
  await world.start(`${vendorsYaml()}${AUTOMATION}`, env);
  const result = await world.result(await world.send(FORM), 'summarise');
  assert.equal(result.output.text, TEXT);
  assert.deepEqual(JSON.parse(vendor.calls[1]?.body ?? ''), { text: TEXT });
});
