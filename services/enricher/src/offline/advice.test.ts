import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAutomation } from '../automations/compile.ts';
import { fileSchema } from '../automations/schema.ts';
import type { Vendor } from '../automations/vendors.ts';
import { advice } from './advice.ts';

/** The preset that is advised for a step at this address, if any. */
function advised(baseUrl: string, path: string, more: Record<string, unknown> = {}): string | undefined {
  const vendors = new Map([['crm', { kind: 'http', name: 'crm', baseUrl } as Vendor]]);
  const step = { name: 's', type: 'http', vendor: 'crm', path, ...more };
  const { automations } = fileSchema.parse({ automations: [{ name: 'a', on: ['form.submitted'], steps: [step] }] });
  const [definition] = automations;
  assert.ok(definition);
  const { steps } = compileAutomation(definition, (at, text) => assert.fail(`${at}: ${text}`));
  const [line] = advice([{ name: 'a', steps }], vendors);
  return line === undefined ? undefined : /preset: ([\w-]+),/.exec(line)?.[1];
}

test('a step that takes any 2xx is told of the preset for what its vendor says under one', () => {
  for (const [baseUrl, path, preset] of [
    ['https://api.hubapi.com', '/crm/v3/objects/contacts/batch/upsert', 'hubspot'],
    ['https://acme.my.salesforce.com', '/services/data/v60.0/composite/sobjects', 'salesforce'],
    ['https://shop.example/admin/api/2025-01', '/graphql.json', 'graphql'],
    ['https://slack.com', '/api/chat.postMessage', 'slack'],
    ['https://us21.api.mailchimp.com/3.0', '/lists/1', 'mailchimp'],
    ['https://www.zohoapis.eu', '/crm/v6/Leads/upsert', 'zoho'],
    ['https://acme.webhook.office.com', '/webhookb2/x', 'teams'],
    ['https://odoo.example', '/jsonrpc', 'json-rpc'],
  ] as const) {
    assert.equal(advised(baseUrl, path), preset, baseUrl);
    assert.equal(advised(baseUrl, path, { fail_if: 'status == 207' }), undefined, baseUrl);
  }
});

test('other vendors, and calls that fail with a status, are not advised upon', () => {
  for (const [baseUrl, path] of [
    ['https://api.hubapi.com', '/crm/v3/objects/contacts/1'],
    ['https://hooks.slack.com', '/services/T/B/x'],
    ['https://notslack.com', '/api/x'],
    ['https://crm.example', '/contacts'],
    ['http://{{ not an address', '/contacts'],
  ] as const)
    assert.equal(advised(baseUrl, path), undefined, baseUrl);
});
