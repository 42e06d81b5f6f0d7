import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '@pressferry/runtime';
import { signedRequest, type TestSender } from '@pressferry/testing';
import { headOf, openWire } from './wire.ts';
import { type Answer, becomes, createWorld, outcome, post, send, type Target, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());

const from = (ingress: Target, site: TestSender, headers: Record<string, string>): Promise<Answer> =>
  post(ingress, site, { headers });

describe('plain HTTP', () => {
  test('is 403 https_required, whatever a peer that is not trusted says of itself', async () => {
    await using ingress = await world.start({ INSECURE: 'false', TRUSTED_PROXIES: '192.0.2.0/24' });
    const site = await world.site();
    for (const headers of [
      {},
      { 'x-forwarded-proto': 'https' },
      { 'x-forwarded-for': '192.0.2.1', forwarded: 'proto=https' },
    ]) {
      const answer = await from(ingress, site, headers);
      assert.deepEqual([answer.status, outcome(answer)], [403, 'https_required']);
      assert.equal(answer.headers['strict-transport-security'], undefined);
    }
    assert.deepEqual(await world.events(site.siteId), []);
  });

  test('is accepted with INSECURE, and without HSTS', async () => {
    await using ingress = await world.start();
    const answer = await post(ingress, await world.site({}, ingress));
    assert.equal(answer.status, 202);
    assert.equal(answer.headers['strict-transport-security'], undefined);
  });

  test('from a trusted proxy is what X-Forwarded-Proto says: https, of several the nearest one', async () => {
    await using ingress = await world.start({ INSECURE: 'false', TRUSTED_PROXIES: '127.0.0.1' });
    const site = await world.site();
    const secure = { 'x-forwarded-proto': 'https' };
    const answer = await becomes(() => from(ingress, site, secure), 202);
    assert.equal(answer.headers['strict-transport-security'], 'max-age=63072000');
    const cases: [proto: string, expected: number | string][] = [
      ['HTTPS', 202],
      ['http', 'https_required'],
      // A client may send what it likes; the proxy appends.
      ['https, http', 'https_required'],
      ['http, https', 202],
      ['', 'https_required'],
      ['httpsx', 'https_required'],
    ];
    for (const [proto, expected] of cases) {
      assert.equal(outcome(await from(ingress, site, { 'x-forwarded-proto': proto })), expected, proto);
    }
    assert.equal(outcome(await from(ingress, site, {})), 'https_required');
  });
});

const proxied = untilEnd(
  await world.start({
    TRUSTED_PROXIES: '127.0.0.1,198.51.100.0/24,::ffff:192.0.2.0/120,2001:db8:ffff::/48',
    IP_ALLOW: '203.0.113.7, 2001:db8:1::/48,127.0.0.1',
  }),
);
const site = await world.site({}, proxied);

describe('the client address behind trusted proxies', () => {
  // That the right address is found in any list is held by client.property.test.ts; these are what proxies write, and what comes of it.
  const CASES: [forwardedFor: string, expected: number | string, why: string][] = [
    ['203.0.113.7', 202, 'an allowed client'],
    ['203.0.113.7, 203.0.113.8', 'ip_not_allowed', 'what a client wrote before the proxy does not count'],
    [
      '203.0.113.7, 198.51.100.9, 192.0.2.4, 2001:db8:ffff::5',
      202,
      'through three more proxies, one by a mapped range',
    ],
    ['203.0.113.7:51234', 202, 'with a port'],
    ['[2001:db8:1::9]:443', 202, 'IPv6 in a range'],
    ['198.51.100.9', 'ip_not_allowed', 'proxies all the way: the outermost is the client'],
    ['unknown', 202, 'no address: the proxy is the client'],
    ['_hidden', 202, 'a name of RFC 7239'],
    ['', 202, 'nothing'],
    ['203.0.113.8,,127.0.0.1', 'ip_not_allowed', 'an empty element between is passed over'],
    ['203.0.113.8, ', 'ip_not_allowed', 'nothing at the right end is passed over'],
  ];
  for (const [forwardedFor, expected, why] of CASES) {
    test(`X-Forwarded-For ${JSON.stringify(forwardedFor)}: ${expected} – ${why}`, async () => {
      assert.equal(outcome(await from(proxied, site, { 'x-forwarded-for': forwardedFor })), expected);
    });
  }

  test('two X-Forwarded-For headers are one list', async () => {
    const request = signedRequest(site);
    using wire = await openWire(proxied.apiUrl);
    const twice = 'x-forwarded-for: 203.0.113.7\r\nx-forwarded-for: 203.0.113.8\r\n\r\n';
    wire.write(headOf(request).replace(/\r\n$/, twice) + request.body);
    assert.equal((await wire.next()).code, 'ip_not_allowed');
  });

  test('without X-Forwarded-For the proxy is the client', async () => {
    assert.equal(outcome(await post(proxied, site)), 202);
  });
});

test('X-Forwarded-For of a peer that is not trusted neither opens nor closes anything', async () => {
  await using ingress = await world.start({ IP_ALLOW: '127.0.0.1' });
  const site = await world.site({}, ingress);
  assert.equal(outcome(await from(ingress, site, { 'x-forwarded-for': '203.0.113.7' })), 202);
  assert.equal(outcome(await from(ingress, site, { 'x-forwarded-for': 'garbage' })), 202);
  await using closed = await world.start({ IP_ALLOW: '203.0.113.7' });
  assert.equal(outcome(await from(closed, site, { 'x-forwarded-for': '203.0.113.7' })), 'ip_not_allowed');
});

test('ranges that are none in their usual form are faults of the configuration, because a typo must not open a network', async () => {
  for (const text of [
    '10',
    '10.0/8',
    '010.0.0.1',
    '0x7f.1',
    '10.0.0.0/33',
    '2001:db8::/129',
    'localhost',
    '10.0.0.1 10.0.0.2',
  ])
    for (const name of ['TRUSTED_PROXIES', 'IP_ALLOW', 'RATE_LIMIT_IP_EXEMPT'])
      assert.throws(() => world.start({ [name]: text }), ConfigError, `${name}=${text}`);
});

test("a site's own allow-list holds for it alone, IPv4 and IPv6, and is told to no one before the deployment's", async () => {
  await using ingress = await world.start({ TRUSTED_PROXIES: '127.0.0.1', IP_ALLOW: '203.0.113.0/24,2001:db8::/32' });
  const narrow = await world.site({ settings: { ip_allow: ['203.0.113.7', '2001:db8:1::/48'] } });
  const open = await world.site();
  const by = async (site: TestSender, forwardedFor: string) =>
    outcome(await from(ingress, site, { 'x-forwarded-for': forwardedFor }));
  await becomes(() => from(ingress, open, { 'x-forwarded-for': '203.0.113.8' }), 202);
  assert.equal(await by(narrow, '203.0.113.7'), 202);
  assert.equal(await by(narrow, '2001:db8:1::1'), 202);
  assert.equal(await by(narrow, '203.0.113.8'), 'ip_not_allowed');
  assert.equal(await by(narrow, '2001:db8:2::1'), 'ip_not_allowed');
  assert.equal(await by(open, '198.51.100.1'), 'ip_not_allowed');
  assert.equal((await world.events(narrow.siteId)).length, 2);
});

const plain = untilEnd(await world.start());

describe('Expect: 100-continue', () => {
  test('a request whose head passes is told to go on, and answered', async () => {
    const request = signedRequest(site);
    using wire = await openWire(plain.apiUrl);
    wire.write(headOf(request, { expect: '100-continue' }));
    assert.equal((await wire.next()).status, 100);
    wire.write(request.body);
    assert.equal((await wire.next()).status, 202);
  });

  const refused: [code: string, headers: Record<string, string | undefined>][] = [
    ['token_missing', { authorization: undefined }],
    [
      'site_unknown',
      {
        authorization: `Bearer ${Buffer.from('{"alg":"RS256","kid":"k"}').toString('base64url')}.${Buffer.from('{"sub":"nobody"}').toString('base64url')}.`,
      },
    ],
    ['header_malformed', { 'x-signature': 'sha256=short' }],
    ['body_too_large', { 'content-length': '262145' }],
    ['content_type_unsupported', { 'content-type': 'text/plain' }],
  ];
  for (const [code, headers] of refused) {
    test(`one refused by its head gets its ${code} at once, never the 100`, async () => {
      using wire = await openWire(plain.apiUrl);
      wire.write(headOf(signedRequest(site), { expect: '100-continue', ...headers }));
      const answer = await wire.next();
      assert.equal(answer.code, code);
      // Whether its body follows is the client's choice, so the next request's begin cannot be told.
      assert.equal(answer.headers.connection, 'close');
      assert.equal(await wire.closed, '');
    });
  }

  test('a client that sends its body without waiting for the 100 is served anyway', async () => {
    const request = signedRequest(site);
    const answer = await send(plain, { ...request, headers: { ...request.headers, expect: '100-continue' } });
    assert.equal(answer.status, 202);
  });
});
