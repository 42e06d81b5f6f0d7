import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { createFindClient } from './client.ts';
import { limitKey, parseAddress, parseRanges } from './ranges.ts';

const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.constantFrom('10.0.0.1', '10.255.255.255', '11.0.0.0', '0.0.0.0', '255.255.255.255'),
);
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc.constantFrom('::1', '::', '2001:db8::1', '2001:db8:0:1::', 'fe80::1', '::ffff:10.0.0.1'),
);
const address = fc.oneof(ipv4, ipv6);
const range = fc.oneof(
  ipv4.chain((base) => fc.nat({ max: 32 }).map((bits) => `${base}/${bits}`)),
  // Ranges that reach into the mapped addresses are of IPv6 alone for us; Node sees IPv4 in them.
  ipv6
    .filter((base) => /^[2-9a-f][0-9a-f]{3}:/.test(base))
    .chain((base) => fc.integer({ min: 4, max: 128 }).map((bits) => `${base}/${bits}`)),
  ipv4,
);
const ranges = fc.array(range, { maxLength: 4 });

/** Node's own list of ranges, in place of the code's. */
function isInside(texts: readonly string[], text: string): boolean {
  const list = new BlockList();
  for (const entry of texts) {
    const [base = '', bits] = entry.split('/');
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  const plain = unmapped(text).replace(/%.*/, '');
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}

/** An IPv4 address that is mapped into IPv6, as IPv4. */
function unmapped(text: string): string {
  const found = parseAddress(text);
  return found === null ? text : found.toString();
}

property(
  "an address is inside ranges exactly where Node's own list says so",
  fc.property(ranges, address, (texts, text) => {
    const found = parseAddress(text);
    assert.ok(found);
    assert.equal(parseRanges(texts).includes(found), isInside(texts, text));
  }),
);

const hop = fc.oneof(
  { weight: 5, arbitrary: address },
  fc.tuple(ipv4, fc.integer({ min: 0, max: 65_535 })).map(([text, port]) => `${text}:${port}`),
  ipv6.map((text) => `[${text}]:443`),
  fc.constantFrom(
    'unknown',
    '',
    '1',
    '0x7f.1',
    '127.1',
    '010.0.0.1',
    '10.0.0.1.',
    '_hidden',
    '::1%eth0',
    '10.0.0.256',
    '1.2.3.4:',
    'evil, ',
  ),
  fc.string({ maxLength: 6 }),
);
const trusted = fc.array(fc.constantFrom('10.0.0.0/8', '203.0.113.7', '2001:db8::/32', '0.0.0.0/0'), { maxLength: 3 });

const requestFrom = (remoteAddress: string, headers: Record<string, string>): IncomingMessage =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;

/** From the right, the first that is not a proxy; written apart, over a parsed list. */
function expected(peer: string, hops: readonly string[] | null, proxies: readonly string[]): string {
  if (hops === null || !isInside(proxies, peer)) return unmapped(peer);
  let nearest = peer;
  const plain = hops
    .join(',')
    .split(',')
    .map((text) =>
      text
        .trim()
        .replace(/^\[(.+)\](:\d+)?$/, '$1')
        .replace(/^([\d.]+):\d+$/, '$1'),
    );
  for (const text of plain.reverse().filter((one) => one !== '')) {
    if (isIP(text) === 0) return unmapped(nearest);
    if (!isInside(proxies, text)) return unmapped(text);
    nearest = text;
  }
  return unmapped(nearest);
}

property(
  'the client is the first address from the right that is no trusted proxy, or the proxy that names none; nothing left of it is believed',
  fc.property(
    fc.oneof(fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', '203.0.113.7'), address),
    fc.option(fc.array(hop, { minLength: 1, maxLength: 5 })),
    trusted,
    (peer, hops, proxies) => {
      const headers = hops === null ? {} : { 'x-forwarded-for': hops.join(', ') };
      const client = createFindClient(parseRanges(proxies))(requestFrom(peer, headers));
      assert.equal(client?.address.toString() ?? null, expected(peer, hops, proxies));
    },
  ),
);

property(
  'a peer that is not trusted chooses neither its address nor that it came over TLS',
  fc.property(address, fc.string(), fc.string(), trusted, (peer, forwardedFor, proto, proxies) => {
    fc.pre(!isInside(proxies, peer));
    const find = createFindClient(parseRanges(proxies));
    const client = find(requestFrom(peer, { 'x-forwarded-for': forwardedFor, 'x-forwarded-proto': proto }));
    assert.deepEqual([client?.address.toString(), client?.secure], [unmapped(peer), false]);
  }),
);

property(
  'of a trusted proxy only the word https, last in X-Forwarded-Proto, is TLS',
  fc.property(
    fc.array(fc.constantFrom('https', 'http', 'HTTPS', ' https', 'wss', '', 'https:'), { minLength: 1, maxLength: 3 }),
    (protos) => {
      const find = createFindClient(parseRanges(['10.0.0.1']));
      const client = find(requestFrom('10.0.0.1', { 'x-forwarded-proto': protos.join(',') }));
      assert.equal(client?.secure, protos.at(-1)?.trim().toLowerCase() === 'https');
    },
  ),
);

property(
  'the limit counts an IPv4 address in any spelling once, and all of one /64 together',
  fc.property(ipv4, fc.ipV6(), fc.nat({ max: 127 }), (four, six, bit) => {
    const [plain, mapped] = [parseAddress(four), parseAddress(`::ffff:${four}`)];
    assert.ok(plain && mapped);
    assert.equal(limitKey(plain), limitKey(mapped));
    const found = parseAddress(six);
    assert.ok(found);
    fc.pre(found.kind() === 'ipv6');
    const bytes = found.toByteArray();
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (128 >> (bit & 7));
    const other = parseAddress(
      bytes.map((byte, at) => `${at % 2 === 0 && at > 0 ? ':' : ''}${byte.toString(16).padStart(2, '0')}`).join(''),
    );
    assert.ok(other);
    fc.pre(other.kind() === 'ipv6');
    assert.equal(limitKey(found) === limitKey(other), bit >= 64);
  }),
);

property(
  'what is no address is taken for none',
  fc.property(fc.oneof(hop, fc.string()), (text) => {
    const found = parseAddress(text);
    if (found !== null) assert.ok(isIP(text.replace(/%.*/, '')) !== 0, text);
  }),
);
