// HubSpot, Salesforce and a chat's webhook, as strict as their documentation: packages/vendor-simulator/README.md names it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hubspotUpsert } from '../src/automations/upsert-hubspot.ts';
import { startProfile } from './profile.ts';

const bodyOf = <T>(output: Record<string, unknown> | undefined): T => output?.body as T;
const bearer = { kind: 'http', auth: { header: 'Authorization', prefix: 'Bearer ', value_env: 'KEY' } };
const hubSpot = () => startProfile('', bearer);
const salesforce = () => startProfile('/salesforce', bearer);
const chat = () => startProfile('/slack', { kind: 'http' });

const upsert = (...ids: string[]) => ({
  path: '/crm/v3/objects/contacts/batch/upsert',
  preset: 'hubspot',
  body: {
    inputs: ids.map((id) => ({ id, idProperty: 'email', objectWriteTraceId: id, properties: { firstname: 'Ada' } })),
  },
});

test('HubSpot: an upsert tells new from known', async () => {
  await using profile = await hubSpot();
  const isNew = async () => {
    const { output } = await profile.call(upsert('ada@example.com'));
    return bodyOf<{ results: { new: boolean }[] }>(output).results[0]?.new;
  };
  assert.deepEqual([await isNew(), await isNew()], [true, false]);
});

test('HubSpot: a batch of which a part was not written is a failed step, and so is one with an id twice', async () => {
  await using profile = await hubSpot();
  const parted = await profile.call(upsert('ada@example.com', 'nobody'));
  assert.deepEqual([parted.code, parted.statusCode], ['answer_unexpected', 207]);
  const twice = await profile.call(upsert('ada@example.com', 'Ada@example.com'));
  assert.deepEqual([twice.code, twice.detail], ['vendor_refused', 'the vendor says VALIDATION_ERROR']);
});

test('HubSpot: a contact that exists is a conflict, unless the step says that it is fine', async () => {
  await using profile = await hubSpot();
  const create = { path: '/crm/v3/objects/contacts', body: { properties: { email: 'ada@example.com' } } };
  assert.equal((await profile.call(create)).statusCode, 201);
  assert.equal((await profile.call(create)).code, 'vendor_conflict');
  assert.equal((await profile.call({ ...create, ok_statuses: [409] })).kind, 'succeeded');
});

test('HubSpot: limits name their policy and are waits; a locked record is one for this run alone', async () => {
  await using profile = await hubSpot();
  profile.behave({ contacts: [{ status: 429 }, { status: 429, code: 'DAILY' }, { status: 423 }, { status: 477 }] });
  const came = [];
  for (let call = 0; call < 4; call++) came.push(await profile.call(upsert('ada@example.com')));
  assert.deepEqual(
    came.map(({ kind, code, detail }) => [kind, code, detail]),
    [
      ['wait', 'rate_limited', 'the vendor says TEN_SECONDLY_ROLLING'],
      ['wait', 'rate_limited', 'the vendor says DAILY'],
      ['wait', 'vendor_busy', 'the vendor says LOCKED'],
      ['wait', 'vendor_busy', 'the vendor says INTERNAL_ERROR'],
    ],
  );
});

const lead = (value: string, version = 'v60.0') => ({
  method: 'PATCH',
  path: `/services/data/${version}/sobjects/Contact/Shop_Id__c/${value}`,
  body: { LastName: 'Lovelace', Email: 'ada@example.com' },
});

test('Salesforce: an upsert is 201 and then 200, or 204 without a body before version 46', async () => {
  await using profile = await salesforce();
  const [made, known] = [await profile.call(lead('a1')), await profile.call(lead('a1'))];
  assert.deepEqual([made.statusCode, bodyOf<{ created: boolean }>(made.output).created], [201, true]);
  assert.deepEqual([known.statusCode, bodyOf<{ created: boolean }>(known.output).created], [200, false]);
  await profile.call(lead('a2', 'v41.0'));
  const old = await profile.call(lead('a2', 'v41.0'));
  assert.deepEqual([old.kind, old.statusCode, old.output?.body], ['succeeded', 204, null]);
});

test('Salesforce: two records of one id are a conflict, not a wrong address', async () => {
  await using profile = await salesforce();
  const { code, statusCode } = await profile.call(lead('twice'));
  assert.deepEqual([code, statusCode], ['vendor_conflict', 300]);
});

test('Salesforce: errors are lists, and their word is told', async () => {
  await using profile = await salesforce();
  const without = await profile.call({ ...lead('a1'), body: { Email: 'ada@example.com' } });
  assert.deepEqual([without.code, without.detail], ['vendor_refused', 'the vendor says REQUIRED_FIELD_MISSING']);
});

test('Salesforce: a locked row comes again, the daily limit waits, a session that ended is held', async () => {
  await using profile = await salesforce();
  profile.behave({
    salesforce: [{ status: 400, code: 'UNABLE_TO_LOCK_ROW' }, { status: 403 }, { status: 401 }, { status: 503 }],
  });
  const came = [];
  for (let call = 0; call < 4; call++) came.push(await profile.call(lead('a1')));
  assert.deepEqual(
    came.map(({ kind, code }) => [kind, code]),
    [
      ['retry', 'vendor_busy'],
      ['wait', 'rate_limited'],
      ['hold', 'vendor_denied'],
      ['retry', 'vendor_unavailable'],
    ],
  );
});

const contact = (id: string, properties = {}) => ({ type: 'hubspot', id, properties });

test('the hubspot step writes one contact in the wire format of HubSpot, and tells its id and whether it is new', async () => {
  await using profile = await hubSpot();
  const step = contact('{{ event.data.email }}', { firstname: 'Ada', company: { $optional: 'event.data.company' } });
  const [first, again] = [
    await profile.call(step, { email: 'ada@example.com' }),
    await profile.call(step, { email: 'ada@example.com' }),
  ];
  assert.deepEqual([first.output?.is_new, again.output?.is_new, first.output?.id], [true, false, again.output?.id]);
  assert.match(String(first.output?.id), /^\d+$/);
  assert.deepEqual(profile.bodies()[0], {
    inputs: [
      { id: 'ada@example.com', idProperty: 'email', properties: { email: 'ada@example.com', firstname: 'Ada' } },
    ],
  });
});

test('the hubspot step sends nothing for an empty id, and names its path', async () => {
  await using profile = await hubSpot();
  const { code, detail } = await profile.call(contact('{{ event.data.email }}'), {});
  assert.deepEqual([code, detail, profile.bodies()], ['template_failed', 'id is empty', []]);
});

test('the hubspot step fails on an address that HubSpot refuses, waits at its limits, and masks if it is told to', async () => {
  await using profile = await hubSpot();
  assert.equal((await profile.call(contact('nobody'))).code, 'vendor_refused');
  const masked = await profile.call({
    ...contact('a-1', { hs_note: 'write to eve@example.org' }),
    id_property: 'shop_id',
    pii: 'mask',
  });
  assert.equal(masked.kind, 'succeeded', masked.detail);
  assert.doesNotMatch(JSON.stringify(profile.bodies().at(-1)), /eve@/);
  profile.behave({ contacts: [{ status: 429 }, { status: 401 }] });
  assert.equal((await profile.call(contact('ada@example.com'))).kind, 'wait');
  assert.equal((await profile.call(contact('ada@example.com'))).kind, 'hold');
});

test('the answers of HubSpot that wrote nothing are failures, and their category is told', () => {
  const read = (status: number, body: unknown) => hubspotUpsert.read({ status, body });
  const errors = [{ category: 'VALIDATION_ERROR', message: 'ada@example.com is wrong' }];
  assert.deepEqual(read(207, { results: [], numErrors: 1, errors }), {
    unwritten: 'HubSpot wrote nothing: VALIDATION_ERROR',
  });
  for (const body of [{ status: 'COMPLETE', results: [] }, {}, null, 'ok', { results: [{}] }])
    assert.deepEqual(read(200, body), { unwritten: 'HubSpot wrote nothing: no results' });
  assert.deepEqual(read(200, { results: [{ id: '7' }] }), { id: '7', is_new: null });
});

const person = (id: string, more = {}) => ({
  ...{ type: 'salesforce', external_id_field: 'Shop_Id__c', external_id: id },
  ...{ fields: { LastName: 'Lovelace', Email: 'ada@example.com' }, ...more },
});

test('the salesforce step writes one record by its external id, and tells its id and whether it is new', async () => {
  await using profile = await salesforce();
  await assert.rejects(async () => profile.call(person('a/1 ?')), /external_id: must not hold spaces/);
  const step = person('{{ event.data.id }}');
  const [first, again] = [await profile.call(step, { id: 'a/1 ?' }), await profile.call(step, { id: 'a/1 ?' })];
  assert.deepEqual([first.statusCode, first.output?.is_new], [201, true]);
  assert.deepEqual([again.statusCode, again.output], [200, { id: first.output?.id, is_new: false }]);
  assert.deepEqual(profile.bodies()[0], { LastName: 'Lovelace', Email: 'ada@example.com' });
  await profile.call(person('a2', { api_version: 'v41.0' }));
  const old = await profile.call(person('a2', { api_version: 'v41.0' }));
  assert.deepEqual([old.statusCode, old.output], [204, { id: null, is_new: false }]);
});

test('the salesforce step sends nothing for an empty id, and fails on an id that two records have and on a field that is missing', async () => {
  await using profile = await salesforce();
  const empty = await profile.call(person('{{ event.data.none }}'));
  assert.deepEqual([empty.code, empty.detail, profile.bodies()], ['template_failed', 'external_id is empty', []]);
  assert.deepEqual((await profile.call(person('twice'))).code, 'vendor_conflict');
  const without = await profile.call(person('a1', { fields: { Email: 'ada@example.com' } }));
  assert.deepEqual([without.code, without.detail], ['vendor_refused', 'the vendor says REQUIRED_FIELD_MISSING']);
});

test('a chat webhook that answers ok is called once, and its words are told', async () => {
  await using profile = await chat();
  const post = (body: unknown, team = 'T1') => profile.call({ path: `/services/${team}/B1/x`, body: body as never });
  const { kind, output } = await post({ text: 'A new lead' });
  assert.deepEqual([kind, output?.body, profile.bodies().length], ['succeeded', 'ok', 1]);
  assert.equal((await post({ text: ' ' })).detail, 'the vendor says no_text');
  profile.behave({ webhook: [{ status: 410 }, { status: 429 }] });
  assert.equal((await post({ text: 'x' })).detail, 'the vendor says channel_is_archived');
  assert.equal((await post({ text: 'x' })).kind, 'wait');
});
