import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { openConnection } from '@pressferry/jetstream';
import { putSite, type SiteRecord, secretContext } from '@pressferry/sites';
import { rsaKeyPair, signedRequest, startTestNats, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { gatherLog } from './gathered-log.ts';
import { type Answer, createWorld, joinWorld, keyring, post, send, senderOf, siteRecord, type World } from './world.ts';

let world: World;
let replicas: Ingress[];
const logs = [gatherLog(), gatherLog(), gatherLog()];
before(async () => {
  world = await createWorld();
  replicas = await Promise.all(logs.map((log) => world.start({}, { logger: log.logger })));
});
after(async () => {
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
  await world[Symbol.asyncDispose]();
});

const outcome = ({ status, body }: Answer): number | string => body.code ?? status;
const FRESH_MS = 1_000;

/** Writes a record and asserts that every replica answers so within a second of it, each by itself. */
async function inForce(record: SiteRecord, ask: (replica: Ingress) => Promise<Answer>, expected: number | string) {
  const writtenMs = performance.now();
  await world.put(record);
  await Promise.all(
    replicas.map((replica) =>
      waitFor(async () => outcome(await ask(replica)) === expected, {
        what: `${expected} of a replica`,
        timeoutMs: FRESH_MS - (performance.now() - writtenMs),
        everyMs: 20,
      }),
    ),
  );
}

/** A site that all replicas know. */
async function registered(members: Partial<SiteRecord> = {}): Promise<[SiteRecord, TestSender]> {
  const record = siteRecord(members);
  return [record, await world.site(record, ...replicas)];
}

const by =
  (sender: TestSender) =>
  ({ apiUrl }: Ingress): Promise<Answer> =>
    post(apiUrl, sender);

/** Signed, but with another body: tells what a replica thinks of a site without using anything up. */
const probe =
  (sender: TestSender) =>
  ({ apiUrl }: Ingress): Promise<Answer> =>
    send(apiUrl, signedRequest(sender, { bodyAfterSigning: '{}' }));

/** Pauses a site without a single event going through to learn when that is in force: an issuer that changes with it tells. */
async function pause(record: SiteRecord, sender: TestSender): Promise<TestSender> {
  const held = { ...sender, issuer: 'https://paused.example' };
  const unknownType = ({ apiUrl }: Ingress) => post(apiUrl, held, { event: { event_type: 'no.such' } });
  await inForce({ ...record, issuer: held.issuer }, unknownType, 'event_type_unknown');
  return held;
}

const sealed = (siteId: string, secret: string): string => keyring.seal(secret, secretContext(siteId));

describe('a change is in force in every of three replicas within a second', () => {
  test('a revoked key is refused, the one next to it is not', async () => {
    const [record, sender] = await registered();
    const { kid, publicPem, privateKey } = rsaKeyPair(1);
    const second = { kid, algorithm: 'RS256' as const, public_key: publicPem, expires_at: null };
    const renewed = { ...sender, kid, privateKey };
    await inForce({ ...record, keys: [...record.keys, second] }, by(renewed), 202);
    assert.equal(outcome(await by(sender)(replicas[0] as Ingress)), 202);
    await inForce({ ...record, keys: [second] }, by(sender), 'token_key_unknown');
    assert.equal(outcome(await by(renewed)(replicas[0] as Ingress)), 202);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    await inForce({ ...record, keys: [{ ...second, expires_at: yesterday }] }, by(renewed), 'token_key_unknown');
  });

  test('a new secret counts next to the old one, until the old one expires', async () => {
    const [record, sender] = await registered();
    const added = { sealed_secret: sealed(record.site_id, 'the new one'), expires_at: null };
    const [old] = record.secrets;
    assert.ok(old);
    await inForce({ ...record, secrets: [added, old] }, by({ ...sender, hmacSecret: 'the new one' }), 202);
    for (const replica of replicas) assert.equal(outcome(await by(sender)(replica)), 202);
    // The end of the overlap needs no further write: here it lies a moment ahead.
    const expired = { ...old, expires_at: new Date(Date.now() + 200).toISOString() };
    await inForce({ ...record, secrets: [added, expired] }, by(sender), 'signature_mismatch');
    for (const replica of replicas) {
      assert.equal(outcome(await by({ ...sender, hmacSecret: 'the new one' })(replica)), 202);
    }
  });

  test('a changed limit, down and up', async () => {
    const [record, sender] = await registered();
    const limited = (per_minute: number): SiteRecord => ({
      ...record,
      settings: { rate_limit: { per_minute, burst: 1 } },
    });
    await inForce(limited(1), by(sender), 'rate_limited_site');
    await inForce(limited(0), by(sender), 202);
  });

  test('an allow-list, a mode of an event type, an issuer', async () => {
    const [record, sender] = await registered();
    await inForce({ ...record, settings: { ip_allow: ['192.0.2.1'] } }, by(sender), 'ip_not_allowed');
    await inForce({ ...record, settings: { event_types: { 'form.submitted': 'off' } } }, by(sender), 'event_type_off');
    await inForce({ ...record, issuer: 'https://moved.example' }, by(sender), 'token_issuer_mismatch');
  });

  test('a disabled site is 403, and again accepted once it is active', async () => {
    const [record, sender] = await registered();
    await inForce({ ...record, status: 'disabled' }, by(sender), 'site_disabled');
    assert.equal((await by(sender)(replicas[0] as Ingress)).status, 403);
    await inForce(record, by(sender), 202);
  });

  test('a deleted site is unknown', async () => {
    const [record, sender] = await registered();
    await (await new Kvm(world.connection.nats).open('sites')).delete(record.site_id);
    await Promise.all(
      replicas.map((replica) =>
        waitFor(async () => outcome(await probe(sender)(replica)) === 'site_unknown', {
          what: 'the end of the site',
          timeoutMs: FRESH_MS,
        }),
      ),
    );
  });

  test('a paused site gets 202 until its bound is held, then 503; resumed, it is accepted without a bound', async () => {
    const [record, sender] = await registered();
    const [first, second] = replicas as [Ingress, Ingress, Ingress];
    for (let sent = 0; sent < 2; sent++) assert.equal(outcome(await by(sender)(first)), 202);
    const paused: SiteRecord = {
      ...record,
      status: 'paused',
      // Later than what was sent before, by the clock's whole milliseconds.
      paused_at: new Date(Date.now() + 2).toISOString(),
      settings: { max_held_events: 3 },
    };
    const held = await pause(paused, sender);
    for (let sent = 0; sent < 3; sent++) assert.equal(outcome(await by(held)(first)), 202, `held ${sent}`);
    const full = await by(held)(first);
    assert.deepEqual([full.status, outcome(full), full.headers['retry-after']], [503, 'site_backlog_full', '300']);
    // What was held through the first replica counts in the others too.
    assert.equal(outcome(await by(held)(second)), 'site_backlog_full');
    assert.equal((await world.events(sender.siteId)).length, 2 + 3);
    await inForce(record, by(sender), 202);
    for (let sent = 0; sent < 4; sent++) assert.equal(outcome(await by(sender)(second)), 202);
  });

  test('a second pause holds as many again: only what came since counts', async () => {
    const [record, sender] = await registered();
    const pausedSince = (ms: number): SiteRecord => ({
      ...record,
      status: 'paused',
      paused_at: new Date(ms).toISOString(),
      settings: { max_held_events: 1 },
    });
    const [first] = replicas as [Ingress, Ingress, Ingress];
    await inForce(pausedSince(Date.now() - 1_000), by(sender), 'site_backlog_full');
    await inForce(record, by(sender), 202);
    const held = await pause(pausedSince(Date.now() + 2), sender);
    assert.equal(outcome(await by(held)(first)), 202);
    assert.equal(outcome(await by(held)(first)), 'site_backlog_full');
  });
});

test('what of a record cannot be used is named and counted; only what needs it is refused, and may be sent again', async () => {
  const [record, sender] = await registered();
  const bucket = await new Kvm(world.connection.nats).open('sites');
  const foreign = { sealed_secret: sealed('other', 'x'), expires_at: null };
  const [key, secret] = [record.keys[0], record.secrets[0]];
  assert.ok(key && secret);
  const broken: [part: string, value: string, answer: number | string][] = [
    ['record', '{"site_id":', 'registry_unavailable'],
    ['record', JSON.stringify({ ...record, settings: { rate_limits: {} } }), 'registry_unavailable'],
    ['key other', JSON.stringify({ ...record, keys: [key, { ...key, kid: 'other', public_key: 'none' }] }), 202],
    [`key ${key.kid}`, JSON.stringify({ ...record, keys: [{ ...key, public_key: 'none' }] }), 'registry_unavailable'],
    ['secret 2', JSON.stringify({ ...record, secrets: [secret, foreign] }), 202],
    ['secret 1', JSON.stringify({ ...record, secrets: [foreign] }), 'registry_unavailable'],
  ];
  for (const [part, value, answer] of broken) {
    // In between a record that answers otherwise, so each answer is about this record.
    const other = answer === 202 ? { ...record, issuer: 'https://moved.example' } : record;
    await inForce(other, by(sender), answer === 202 ? 'token_issuer_mismatch' : 202);
    await bucket.put(record.site_id, value);
    for (const replica of replicas) {
      await waitFor(async () => outcome(await by(sender)(replica)) === answer, {
        what: `${answer} for a ${part} that cannot be used`,
        timeoutMs: FRESH_MS,
      });
    }
  }
  for (const [at, replica] of replicas.entries()) {
    const lines = logs[at]?.of('site.unusable').filter(({ site_id }) => site_id === record.site_id) ?? [];
    assert.deepEqual(
      lines.map((line) => line.part),
      broken.map(([part]) => part),
    );
    const metrics = await (await fetch(`${replica.opsUrl}/metrics`)).text();
    assert.match(metrics, new RegExp(`registry_faults_total ${broken.length}\n`));
    assert.match(metrics, /faulty_sites 1\n/);
  }
});

test('a secret that cannot be opened is no longer waited for once it has expired', async () => {
  const [record, sender] = await registered();
  const foreign = { sealed_secret: sealed('other', 'x'), expires_at: new Date(Date.now() + 300).toISOString() };
  const stranger = by({ ...sender, hmacSecret: 'another' });
  await inForce({ ...record, secrets: [foreign, ...record.secrets] }, stranger, 'registry_unavailable');
  await waitFor(async () => outcome(await stranger(replicas[0] as Ingress)) === 'signature_mismatch', {
    what: 'the end of the secret',
  });
});

test('a deleted consumer of the watch delays no change', async () => {
  const [record, sender] = await registered();
  const { consumers } = world.manager;
  for await (const { name } of consumers.list('KV_sites')) await consumers.delete('KV_sites', name);
  await inForce({ ...record, status: 'disabled' }, by(sender), 'site_disabled');
});

test('ingress starts with the sites in KV and nothing else, and answers for all of them at once', async () => {
  await using nats = await startTestNats();
  await using apart = await joinWorld(nats.url);
  const records = Array.from({ length: 50 }, () => siteRecord());
  for (const record of records) await apart.put(record);
  await using ingress = await apart.start();
  const answers = await Promise.all(records.map((record) => post(ingress.apiUrl, senderOf(record))));
  // A request may come before the sites are read: that is said, and is not a site_unknown.
  for (const answer of answers)
    assert.ok([202, 'registry_unavailable'].includes(outcome(answer)), String(outcome(answer)));
  await waitFor(async () => (await fetch(`${ingress.opsUrl}/readyz`)).ok, { what: 'ingress to be ready' });
  for (const record of records) assert.equal(outcome(await post(ingress.apiUrl, senderOf(record))), 202);
});

test('what another client changed while a restarted NATS was away from ingress arrives, deletions too', async () => {
  await using nats = await startTestNats();
  await using apart = await joinWorld(nats.url);
  await using ingress = await apart.start();
  const [kept, changed, removed, added] = [siteRecord(), siteRecord(), siteRecord(), siteRecord()];
  for (const record of [kept, changed, removed]) await apart.site(record, ingress);
  await nats.kill();
  // Known sites stay known: only storing is impossible.
  assert.equal(outcome(await post(ingress.apiUrl, senderOf(kept))), 'stream_unavailable');
  await nats.restart();
  await using writer = await openConnection({ url: nats.url, name: 'registry' });
  const bucket = await new Kvm(writer.nats).open('sites');
  await putSite(bucket, { ...changed, status: 'disabled' });
  await putSite(bucket, added);
  await bucket.delete(removed.site_id);
  const expected: [SiteRecord, number | string][] = [
    [kept, 202],
    [changed, 'site_disabled'],
    [added, 202],
    [removed, 'site_unknown'],
  ];
  for (const [record, wanted] of expected) {
    await waitFor(async () => outcome(await post(ingress.apiUrl, senderOf(record))) === wanted, {
      what: `${wanted} after the restart`,
      timeoutMs: 10_000,
    });
  }
});
