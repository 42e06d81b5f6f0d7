import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { BUILT_IN_EVENT_TYPES, decodeEvent, loadCatalogue, PROBLEMS, requestId } from '@pressferry/contracts';
import { createKeyring, openEventBody } from '@pressferry/runtime';
import { openSite } from '@pressferry/sites';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { type Case, mayBePublished } from '../../fuzz/oracle.ts';
import { build, scenario } from '../../fuzz/scenario.ts';
import { type Body, readBody } from '../http/body.ts';
import { createCapacity } from '../http/capacity.ts';
import { limitKey, parseRanges } from '../http/ranges.ts';
import { type Answer, isRefusal, type RequestFacts, refuse } from '../model.ts';
import { judgeHead, takeEvent } from './handle.ts';

const catalogue = loadCatalogue([BUILT_IN_EVENT_TYPES]);
const keyring = createKeyring(`k1:${Buffer.alloc(32, 3).toString('base64')}`);
const protocol = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');

/** Room enough; how full a server may be is no matter of a request. */
const ROOM = { capacity: createCapacity(100, 1_000_000), overloaded: () => refuse('overloaded') };

interface Publish {
  subject: string;
  payload: Uint8Array;
  headers: Readonly<Record<string, string>>;
}

/** Takes a request through the whole pipeline, with every part that has a state replaced by one that the case decides. */
async function run(given: Case, cut: number): Promise<{ answer: Answer; published: Publish[]; spent: string[] }> {
  const { rawHeaders, body, record, address: text, world } = given;
  // A case's secrets are not sealed.
  const site = await openSite(record, { open: (sealed) => Buffer.from(sealed) });
  const published: Publish[] = [];
  const spent: string[] = [];
  const address = ipaddr.process(text);
  const chunks = cut === 0 ? [body] : [body.subarray(0, cut), body.subarray(cut)];
  const facts: RequestFacts = { client: { address, limitKey: limitKey(address), secure: true } };
  const head = judgeHead({ rawHeaders, headers: headersOf(rawHeaders) }, facts, {
    directory: {
      lookUp: (id) => (!world.isReady ? 'registry_unavailable' : id === site.siteId ? site : 'site_unknown'),
    },
    isAllowed: ({ settings }) => {
      const ranges = parseRanges(settings.ip_allow ?? []);
      return ranges.isEmpty || ranges.includes(address);
    },
  });
  if (isRefusal(head)) return { answer: head, published, spent };
  const stream = Readable.from(chunks.filter(({ length }) => length > 0));
  const read = await new Promise<Body>((resolve) => readBody(stream, ROOM, resolve));
  if (!Buffer.isBuffer(read)) return { answer: read, published, spent };
  const answer = await takeEvent(head, read, facts, {
    rules: () => ({ allowHs256: given.allowHs256, catalogue }),
    limitSite: () => (world.withinLimit ? null : refuse('rate_limited_site')),
    admitHeld: async () => world.hasRoom,
    now: () => given.nowMs,
    publisher: {
      publish: async (subject, payload, headers) => {
        published.push({ subject, payload, headers });
        return { kind: 'stored', stream: 'EVENTS', sequence: published.length };
      },
      pending: () => 0,
    },
    replay: {
      spend: async (_siteId, jti) => {
        spent.push(jti);
        return world.isFresh ? 'fresh' : 'replayed';
      },
    },
    readStored: async () => null,
    keyring,
    sealEvents: true,
    shards: 1,
    metrics: { published: () => undefined, replay: () => undefined },
    outageRetryAfter: () => 2,
  });
  return { answer, published, spent };
}

/** As Node joins them: of a header that may be sent once, the first. */
function headersOf(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers[rawHeaders[at]?.toLowerCase() ?? ''] ??= rawHeaders[at + 1] ?? '';
  return headers;
}

const isDocumented = (code: string): boolean => code in PROBLEMS && protocol.includes(`<a id="${code}"></a>`);

property(
  'an event is published exactly where an independent reading of the protocol allows it; each request has one documented outcome',
  fc.asyncProperty(scenario, fc.nat({ max: 300 }), async (mutated, cut) => {
    const given = build(mutated);
    const [{ answer, published }, isAllowed] = [await run(given, cut), await mayBePublished(given)];
    assert.ok(answer !== null);
    if (isRefusal(answer)) {
      assert.ok(!isAllowed, `refused with ${answer.refused}, though nothing is wrong with it`);
      assert.ok(isDocumented(answer.refused), `${answer.refused} is in no table`);
      assert.equal(published.length, 0);
    } else {
      assert.ok(isAllowed, 'published, though the protocol forbids it');
      assert.deepEqual([answer.outcome, answer.status, published.length], ['accepted', 202, 1]);
    }
  }),
);

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const PRINTABLE = /^[\x20-\x7e]+$/;

property(
  'what is published is the body byte for byte, under headers of closed forms, once its token is spent',
  fc.asyncProperty(scenario, async (mutated) => {
    const given = build({ ...mutated, mutations: mutated.mutations.slice(0, 2) });
    const { published, spent } = await run(given, 0);
    const [publish] = published;
    if (publish === undefined) return;
    const event = decodeEvent(publish.payload);
    assert.deepEqual(Buffer.from(openEventBody(keyring, event.body, event.requestId)), given.body);
    assert.ok(!Buffer.from(event.body).includes(given.body.subarray(0, 64)), 'the body lies in clear');
    const { idempotency_key: key, event_type: type } = JSON.parse(given.body.toString());
    const { site_id: siteId } = given.record;
    assert.equal(publish.subject, `pf.event.0.${siteId}.${type}`);
    assert.equal(publish.headers['Nats-Msg-Id'], `${siteId}:${key}`);
    assert.equal(publish.headers['ce-id'], requestId(siteId, key));
    assert.match(publish.headers.traceparent ?? '', TRACEPARENT);
    for (const value of Object.values(publish.headers)) assert.match(value, PRINTABLE);
    assert.equal(event.mode, given.record.settings.event_types?.[type] ?? 'live');
    assert.equal(spent.length, 1);
  }),
);

property(
  'a token is spent only by a request that is right in everything else',
  fc.asyncProperty(scenario, async (mutated) => {
    const given = build(mutated);
    const { spent } = await run(given, 0);
    const isRight = await mayBePublished({ ...given, world: { ...given.world, isFresh: true } });
    assert.equal(spent.length, isRight ? 1 : 0);
  }),
);

property(
  'a refusal says where and what rule, never a value of the body',
  fc.asyncProperty(scenario, fc.string({ minLength: 12, maxLength: 20 }), async (mutated, secret) => {
    const value = `personal ${secret.toWellFormed()}`;
    const given = build({
      ...mutated,
      mutations: [
        ...mutated.mutations,
        ['data', 'message', value],
        ['member', 'object_ref', value],
        ['member', 'sent_at', value],
      ],
    });
    const { answer } = await run(given, 0);
    assert.ok(answer !== null && isRefusal(answer));
    assert.ok(!JSON.stringify(answer).includes(JSON.stringify(value).slice(1, -1)));
  }),
);

property(
  'without one of the two signatures nothing is published, whatever else is changed',
  fc.asyncProperty(
    scenario,
    fc.constantFrom('X-Signature', 'Authorization'),
    fc.nat(),
    async (mutated, header, bit) => {
      const given = build(mutated);
      const at = given.rawHeaders.indexOf(header) + 1;
      const value = given.rawHeaders[at] ?? '';
      // Any digit of the signature, any character of the token's.
      const place = value.length - 1 - (bit % 42);
      const other = value[place] === 'a' ? 'b' : 'a';
      given.rawHeaders[at] = value.slice(0, place) + other + value.slice(place + 1);
      fc.pre(place >= 0 && at > 0);
      const { published, spent } = await run(given, 0);
      assert.equal(published.length + spent.length, 0);
    },
  ),
);
