import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { type SiteRecord, secretContext } from '@pressferry/sites';
import { rsaKeyPair, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { gatherLog } from './gathered-log.ts';
import {
  type Answer,
  becomes,
  becomesSoon,
  createWorld,
  keyring,
  metricsOf,
  outcome,
  post,
  senderOf,
  siteRecord,
  type Target,
  untilEnd,
} from './world.ts';

const world = untilEnd(await createWorld());
const logs = [gatherLog(), gatherLog(), gatherLog()];
const replicas = await Promise.all(logs.map(async ({ logger }) => untilEnd(await world.start({}, { logger }))));
const [first, second] = replicas as [Ingress, Ingress, ...Ingress[]];
const bucket = await new Kvm(world.connection.nats).open('sites');

type Ask = (replica: Target) => Promise<Answer>;

/** Asserts that every replica, each by itself, answers so within a second of a write. */
async function inForce(write: SiteRecord | (() => Promise<unknown>), ask: Ask, expected: number | string) {
  await (typeof write === 'function' ? write() : world.put(write));
  await Promise.all(replicas.map((replica) => becomesSoon(world, () => ask(replica), expected)));
}

/** A site that all replicas know. */
async function registered(members: Partial<SiteRecord> = {}): Promise<[SiteRecord, TestSender]> {
  const record = siteRecord(members);
  return [record, await world.site(record, ...replicas)];
}

const by =
  (sender: TestSender): Ask =>
  (replica) =>
    post(replica, sender);

/** Pauses a site without a single event going through to learn when that is in force: an issuer that changes with it tells. */
async function pause(record: SiteRecord, sender: TestSender, since: number, max: number): Promise<TestSender> {
  const held = { ...sender, issuer: 'https://paused.example' };
  const paused = { paused_at: new Date(since).toISOString(), settings: { max_held_events: max } };
  await inForce(
    { ...record, ...paused, status: 'paused', issuer: held.issuer },
    (replica) => post(replica, held, { event: { event_type: 'no.such' } }),
    'event_type_unknown',
  );
  return held;
}

const sealed = (siteId: string, secret: string, expiresAt?: number) => ({
  sealed_secret: keyring.seal(secret, secretContext(siteId)),
  expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
});

describe('a change is in force in every of three replicas within a second', () => {
  test('a revoked key is refused, the one next to it is not', async () => {
    const [record, sender] = await registered();
    const { kid, publicPem, privateKey } = rsaKeyPair(1);
    const added = { kid, algorithm: 'RS256' as const, public_key: publicPem, expires_at: null };
    const renewed = { ...sender, kid, privateKey };
    await inForce({ ...record, keys: [...record.keys, added] }, by(renewed), 202);
    assert.equal(outcome(await by(sender)(first)), 202);
    await inForce({ ...record, keys: [added] }, by(sender), 'token_key_unknown');
    assert.equal(outcome(await by(renewed)(first)), 202);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    await inForce({ ...record, keys: [{ ...added, expires_at: yesterday }] }, by(renewed), 'token_key_unknown');
  });

  test('a new secret counts next to the old one, until the old one expires', async () => {
    const [record, sender] = await registered();
    const added = sealed(record.site_id, 'the new one');
    const renewed = by({ ...sender, hmacSecret: 'the new one' });
    await inForce({ ...record, secrets: [added, ...record.secrets] }, renewed, 202);
    for (const replica of replicas) assert.equal(outcome(await by(sender)(replica)), 202);
    // The end of the overlap needs no further write: here it lies a moment ahead.
    const expired = sealed(record.site_id, sender.hmacSecret, Date.now() + 200);
    await inForce({ ...record, secrets: [added, expired] }, by(sender), 'signature_mismatch');
    for (const replica of replicas) assert.equal(outcome(await renewed(replica)), 202);
  });

  const limited = (per_minute: number) => ({ settings: { rate_limit: { per_minute, burst: 1 } } });
  const CHANGES: [name: string, ...[Partial<SiteRecord>, number | string][]][] = [
    ['a limit, down and up', [limited(1), 'rate_limited_site'], [limited(0), 202]],
    ['an allow-list', [{ settings: { ip_allow: ['192.0.2.1'] } }, 'ip_not_allowed']],
    ['the mode of an event type', [{ settings: { event_types: { 'form.submitted': 'off' } } }, 'event_type_off']],
    ['an issuer', [{ issuer: 'https://moved.example' }, 'token_issuer_mismatch']],
    ['a site disabled, and active again', [{ status: 'disabled' }, 'site_disabled'], [{}, 202]],
  ];
  for (const [name, ...changes] of CHANGES)
    test(name, async () => {
      const [record, sender] = await registered();
      for (const [members, expected] of changes) await inForce({ ...record, ...members }, by(sender), expected);
    });

  test('a deleted site is unknown', async () => {
    const [record, sender] = await registered();
    await inForce(() => bucket.delete(record.site_id), by(sender), 'site_unknown');
  });

  test('a paused site gets 202 until its bound is held, then 503; resumed, it is accepted without a bound', async () => {
    const [record, sender] = await registered();
    for (let sent = 0; sent < 2; sent++) assert.equal(outcome(await by(sender)(first)), 202);
    // Later than what was sent before, by the clock's whole milliseconds.
    const held = await pause(record, sender, Date.now() + 2, 3);
    for (let sent = 0; sent < 3; sent++) assert.equal(outcome(await by(held)(first)), 202, `held ${sent}`);
    const full = await by(held)(first);
    assert.deepEqual([full.status, outcome(full), full.headers['retry-after']], [503, 'site_backlog_full', '300']);
    // Events held through the first replica count in the others too.
    assert.equal(outcome(await by(held)(second)), 'site_backlog_full');
    assert.equal((await world.events(sender.siteId)).length, 2 + 3);
    await inForce(record, by(sender), 202);
    for (let sent = 0; sent < 4; sent++) assert.equal(outcome(await by(sender)(second)), 202);
    // A second pause holds as many again: only what came since counts.
    const again = await pause(record, sender, Date.now() + 2, 1);
    assert.equal(outcome(await by(again)(first)), 202);
    assert.equal(outcome(await by(again)(first)), 'site_backlog_full');
  });
});

test('what of a record cannot be used is named and counted; only what needs it is refused, and may be sent again', async () => {
  const [record, sender] = await registered();
  const foreign = sealed('other', 'x');
  const [key, secret] = [record.keys[0], record.secrets[0]];
  assert.ok(key && secret);
  const broken: [part: string, members: object, answer: number | string][] = [
    ['record', { settings: { rate_limits: {} } }, 'registry_unavailable'],
    ['key other', { keys: [key, { ...key, kid: 'other', public_key: 'none' }] }, 202],
    [`key ${key.kid}`, { keys: [{ ...key, public_key: 'none' }] }, 'registry_unavailable'],
    ['secret 2', { secrets: [secret, foreign] }, 202],
    ['secret 1', { secrets: [foreign] }, 'registry_unavailable'],
  ];
  for (const [, members, answer] of broken) {
    // In between a record that answers otherwise, so each answer is about this record.
    const other = answer === 202 ? { ...record, issuer: 'https://moved.example' } : record;
    await inForce(other, by(sender), answer === 202 ? 'token_issuer_mismatch' : 202);
    await inForce(() => bucket.put(record.site_id, JSON.stringify({ ...record, ...members })), by(sender), answer);
  }
  for (const [at, replica] of replicas.entries()) {
    const lines = logs[at]?.of('site.unusable').filter(({ site_id }) => site_id === record.site_id) ?? [];
    assert.deepEqual(
      lines.map((line) => line.part),
      broken.map(([part]) => part),
    );
    assert.match(await metricsOf(replica), new RegExp(`registry_faults_total ${broken.length}\n`));
    assert.match(await metricsOf(replica), /faulty_sites 1\n/);
  }
});

test('a secret that cannot be opened is no longer waited for once it has expired', async () => {
  const [record, sender] = await registered();
  const stranger = by({ ...sender, hmacSecret: 'another' });
  const secrets = [sealed('other', 'x', Date.now() + 6_000), ...record.secrets];
  await inForce({ ...record, secrets }, stranger, 'registry_unavailable');
  await becomes(() => stranger(first), 'signature_mismatch');
});

test('ingress starts with the sites in KV and nothing else; a request before they are read is told so, and is not a site_unknown', async () => {
  await using apart = await createWorld();
  const records = Array.from({ length: 50 }, () => siteRecord());
  for (const record of records) await apart.put(record);
  await using ingress = await apart.start();
  const answers = await Promise.all(records.map((record) => post(ingress, senderOf(record))));
  for (const answer of answers)
    assert.ok([202, 'registry_unavailable'].includes(outcome(answer)), String(outcome(answer)));
  await waitFor(async () => (await fetch(`${ingress.opsUrl}/readyz`)).ok, { what: 'ingress to be ready' });
  for (const record of records) assert.equal(outcome(await post(ingress, senderOf(record))), 202);
});
