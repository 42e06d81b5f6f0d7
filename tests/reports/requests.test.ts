// Report 16, NUL and other control characters: PostHog/posthog PR 23896, open-metadata/OpenMetadata issue 30955, kodustech/kodus-ai PR 1683.
// Report 17, PHP's arrays: rmyndharis/OpenWA PR 1340, WP-API/docs PR 69, Automattic/wp-feature-api PR 10.
// Report 18, bodies of shops and forms: woocommerce/woocommerce PRs 30850 and 66189, elementor/elementor issues 6064 and 4162, felipeelia/cf7-repeatable-fields issue 29.
// Report 21, requests as proxies and PHP send them: WordPress/Requests issue 453, mailchimp/mc-woocommerce issue 147, reactphp/http PR 47.
// Report 22, X-Forwarded-For: home-assistant/core issue 108712, pbojinov/request-ip PR 18, code-dot-org PR 5947, dotnet/aspnetcore issue 36537.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { signedRequest } from '@pressferry/testing';
import { outcome, post, startScene, untilEnd } from '../../services/ingress/test/world.ts';

const { world, ingress, site } = await startScene();

/** What ingress says of an event with these members: its status, or its code and the places that are wrong. */
async function judge(event: Record<string, unknown>): Promise<unknown> {
  const answer = await post(ingress, site, { event });
  const places = (answer.body.errors ?? []).map(({ pointer }) => pointer);
  return places.length === 0 ? outcome(answer) : [outcome(answer), ...new Set(places)].join(' ');
}
const order = (more: object): Promise<unknown> =>
  judge({ event_type: 'order.paid', data: { order_id: 7, currency: 'EUR', total: '5.00', ...more } });
const form = (more: object): Promise<unknown> =>
  judge({ event_type: 'form.submitted', data: { form_id: '7', fields: { message: 'x' }, ...more } });

test('what Postgres cannot store is refused, and is never accepted and then lost', async () => {
  for (const ref of ['a\u0000b', 'a\r\nb', '\u0001', 'a\u007fb', 'a\u0085b'])
    assert.equal(await judge({ object_ref: ref }), 'envelope_invalid /object_ref', JSON.stringify(ref));
  for (const value of ['a\u0000b', 'a\u0007b', '\u2028', '😀'])
    assert.equal(await form({ fields: { message: value, [value]: 'x' } }), 202, JSON.stringify(value));
  for (const fields of [{ message: '\ud83d' }, { '\udc00': 'x' }])
    assert.equal(await form({ fields }), 'body_not_json');
});

test("PHP's arrays are refused by their place if an object is meant, and taken if they have names", async () => {
  const at = (place: string) => `data_invalid /data/${place}`;
  for (const none of [[], ['Ada'], 'x']) assert.equal(await form({ fields: none }), at('fields'));
  for (const none of [[], ['a']]) assert.equal(await order({ customer: none }), at('customer'));
  assert.equal(await order({ meta: [] }), at('meta'));
  for (const none of [[], null, 'x']) assert.equal(await judge({ data: none }), 'envelope_invalid /data');
  for (const fields of [{}, { 1: 'a', 3: 'b' }, { '1.3': 'x' }, JSON.parse('{"__proto__":"x","constructor":"y"}')])
    assert.equal(await form({ fields }), 202);
});

test('orders and forms are taken as shops and form plugins write them', async () => {
  for (const total of ['0', '0.00', '-5.00', '1200', '1.250', '-10.00'])
    assert.equal(await order({ total }), 202, total);
  for (const quantity of [1, -1, 0.5]) assert.equal(await order({ items: [{ name: 'x', quantity }] }), 202);
  for (const zone of ['Z', '+02:00', '+0200'])
    assert.equal(await order({ paid_at: `2026-11-24T05:00:00${zone}` }), 202);
  for (const v of ['yes', 1, true, null, '', 'Tom &amp; Jerry', ['a', 'b'], []])
    assert.equal(await form({ fields: { v } }), 202);
});

test('an optional member may be null or empty, as PHP says that there is none, and a required one may not', async () => {
  for (const none of [null, '']) {
    assert.equal(
      await order({ customer: { email: none, first_name: none, id: none }, paid_at: none, number: none }),
      202,
    );
    assert.equal(await order({ items: none, customer: none }), 202);
    assert.equal(await form({ form_name: none, page_url: none, submitted_at: none }), 202);
    assert.equal(await order({ total: none, paid_at: none }), 'data_invalid /data/total');
    assert.equal(await order({ items: [none] }), 'data_invalid /data/items/0');
  }
});

test('what a shop writes wrongly is refused by its place, named once', async () => {
  for (const total of ['.50', '1,234.50', 5, '1e3', '5.'])
    assert.equal(await order({ total }), 'data_invalid /data/total');
  for (const email of ['ada', ' ada@example.com '])
    assert.equal(await order({ customer: { email } }), 'data_invalid /data/customer/email');
  for (const paid_at of ['2026-11-24 05:00:00', '2026-02-30T05:00:00Z', '0000-00-00 00:00:00'])
    assert.equal(await order({ paid_at }), 'data_invalid /data/paid_at');
  assert.equal(await form({ fields: { address: { city: 'Kiel' } } }), 'data_invalid /data/fields/address');
  const { body } = await post(ingress, site, {
    event: { event_type: 'form.submitted', data: { form_id: '7', fields: { v: [1, 2] } } },
  });
  const said = (body.errors ?? []).map((fault) => JSON.stringify(fault));
  assert.deepEqual(said, [...new Set(said)]);
});

test('requests are taken as PHP and proxies write them', async () => {
  const sent = async (headers: Record<string, string>, change = (body: string) => body) => {
    const { event } = signedRequest(site);
    const idempotency = randomUUID();
    const body = change(JSON.stringify({ ...event, idempotency_key: idempotency }));
    return outcome(await post(ingress, site, { body, headers: { ...headers, 'x-idempotency-key': idempotency } }));
  };
  const type = (text: string) => ({ 'content-type': text });
  for (const text of ['application/json; charset=UTF-8', 'application/json;charset="utf-8"', 'Application/JSON'])
    assert.equal(await sent(type(text)), 202, text);
  assert.equal(await sent({}, (body) => `${body}\n`), 202);
  assert.equal(await sent({}, (body) => JSON.stringify(JSON.parse(body), null, 4)), 202);
  assert.equal(await sent({ 'transfer-encoding': 'chunked' }), 202);
  assert.equal(await sent({}, (body) => `\ufeff${body}`), 'body_not_json');
  assert.equal(await sent({ 'content-encoding': 'gzip' }), 'content_encoding_unsupported');
  assert.equal(
    outcome(await post(ingress, site, { headers: { 'content-type': 'text/plain' } })),
    'content_type_unsupported',
  );
});

test('no form of X-Forwarded-For that a proxy may write loses an event', async () => {
  const proxied = untilEnd(await world.start({ TRUSTED_PROXIES: '127.0.0.1' }));
  const known = await world.site({}, proxied);
  for (const value of [
    '203.0.113.7',
    '203.0.113.7:51234',
    '[2001:db8::1]:443',
    '::ffff:203.0.113.7',
    'unknown',
    '',
    '_hidden',
    '203.0.113.7,,127.0.0.1',
    '203.0.113.7, ',
    'unknown, 203.0.113.7',
  ])
    assert.equal(outcome(await post(proxied, known, { headers: { 'x-forwarded-for': value } })), 202, value);
});
