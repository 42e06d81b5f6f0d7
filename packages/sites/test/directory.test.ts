import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { createKeyring } from '@pressferry/runtime';
import { rsaKeyPair, startTestNats, startTestNatsCluster, waitFor } from '@pressferry/testing';
import {
  applySitesBucket,
  type DirectoryFault,
  type DirectoryOptions,
  followSites,
  markPublished,
  putSite,
  readBucket,
  removeSite,
  type SiteDirectory,
  type SiteRecord,
  secretContext,
} from '../src/index.ts';

const keyring = createKeyring(`test:${Buffer.alloc(32, 7).toString('base64')}`);
const STREAM = 'KV_sites';
/** What the product promises; measured from the write. */
/** A second, which neither a slow machine nor a pause makes shorter. */
const SOON = { everyMs: 20, most: 50 };

let nats: Awaited<ReturnType<typeof startTestNats>>;
let connection: Connection;
let manager: JetStreamManager;
let bucket: KV;
before(async () => {
  nats = await startTestNats();
  connection = await openConnection({ url: nats.url, name: 'test' });
  manager = await jetstreamManager(connection.nats);
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await manager.streams.delete(STREAM).catch(() => undefined);
  bucket = await applySitesBucket(connection.nats, 1);
});

function record(siteId: string, members: Partial<SiteRecord> = {}): SiteRecord {
  const { kid, publicPem } = rsaKeyPair(0);
  return {
    site_id: siteId,
    status: 'active',
    issuer: `https://${siteId}.example`,
    audience: 'pressferry',
    callback_url: null,
    keys: [{ kid, algorithm: 'RS256', public_key: publicPem, expires_at: null }],
    secrets: [{ sealed_secret: keyring.seal('s', secretContext(siteId)), expires_at: null }],
    settings: {},
    ...members,
  };
}

const publish = async (...records: SiteRecord[]): Promise<void> => {
  for (const one of records) await putSite(bucket, one);
  await markPublished(bucket);
};

/** A directory that knows what was published. */
async function follow(options: Partial<DirectoryOptions> = {}): Promise<SiteDirectory & { seen: DirectoryFault[] }> {
  const seen: DirectoryFault[] = [];
  const directory = followSites(connection, keyring, { onFault: (fault) => seen.push(fault), ...options });
  await waitFor(directory.isReady, { what: 'the sites to be read' });
  return Object.assign(directory, { seen });
}

const statusOf = (directory: SiteDirectory, siteId: string): string => {
  const found = directory.lookUp(siteId);
  return typeof found === 'string' ? found : found.status;
};

const becomes = (directory: SiteDirectory, siteId: string, status: string, soon = SOON): Promise<unknown> =>
  waitFor(
    async () => {
      await connection.nats.flush();
      return statusOf(directory, siteId) === status;
    },
    { what: `${siteId} to be ${status}`, ...soon },
  );

test('a bucket that was deleted says nothing any more; made again and published, it is in force', async () => {
  await publish(record('kept'), record('removed'));
  await using directory = await follow();
  await manager.streams.delete(STREAM);
  await becomes(directory, 'kept', 'registry_unavailable');
  assert.equal(directory.isReady(), false);
  assert.match(directory.faults().join(), /bucket sites/);

  bucket = await applySitesBucket(connection.nats, 1);
  await putSite(bucket, record('kept', { status: 'disabled' }));
  // Who is missing in a bucket that is still being filled may be registered.
  await waitFor(() => directory.find('kept')?.status === 'disabled', { what: 'the new bucket to be read' });
  assert.equal(statusOf(directory, 'removed'), 'registry_unavailable');
  assert.match(directory.faults().join(), /has not been published/);
  await markPublished(bucket);
  await becomes(directory, 'kept', 'disabled');
  assert.equal(statusOf(directory, 'removed'), 'site_unknown');
  assert.deepEqual(directory.faults(), []);
});

test('a bucket deleted and made again in one go, with as many entries, is seen to be another one', async () => {
  await publish(record('a'), record('b'));
  await using directory = await follow();
  await manager.streams.delete(STREAM);
  bucket = await applySitesBucket(connection.nats, 1);
  await publish(record('a', { status: 'disabled' }), record('c'));
  await becomes(directory, 'a', 'disabled');
  assert.equal(statusOf(directory, 'b'), 'site_unknown');
  await putSite(bucket, record('a'));
  await becomes(directory, 'a', 'active');
});

test('a change is in force within a second although the consumer of the watch was deleted', async () => {
  await publish(record('a'));
  await using directory = await follow();
  for (const status of ['disabled', 'active', 'paused'] as const) {
    for await (const consumer of manager.consumers.list(STREAM)) await manager.consumers.delete(STREAM, consumer.name);
    await putSite(bucket, record('a', { status }));
    await becomes(directory, 'a', status);
  }
});

test('a site that was removed is unknown, and nothing of its secrets is left in the bucket', async () => {
  await publish(record('a'), record('b'));
  await putSite(bucket, record('a', { status: 'disabled' }));
  await using directory = await follow();
  await removeSite(bucket, 'a');
  await becomes(directory, 'a', 'site_unknown');
  const { state } = await manager.streams.info(STREAM, { subjects_filter: '$KV.sites.a' });
  assert.deepEqual(state.subjects, { '$KV.sites.a': 1 });
});

test('a newest message that was erased leaves the registry known', async () => {
  await publish(record('a'), record('b'));
  await using early = await follow();
  await bucket.put('b', '{}');
  const { state } = await manager.streams.info(STREAM);
  await manager.streams.deleteMessage(STREAM, state.last_seq);
  await using late = await follow();
  for (const directory of [early, late]) {
    let age = 0;
    let proofs = 0;
    const isProvenAgain = (): boolean => {
      if (directory.ageSeconds() < age) proofs++;
      age = directory.ageSeconds();
      return proofs >= 3;
    };
    await waitFor(isProvenAgain, { what: 'three more proofs' });
    assert.equal(statusOf(directory, 'a'), 'active');
    assert.deepEqual(
      directory.seen.map(({ kind }) => kind).filter((kind) => kind === 'interrupted'),
      [],
    );
  }
  await putSite(bucket, record('a', { status: 'disabled' }));
  for (const directory of [early, late]) await becomes(directory, 'a', 'disabled');
});

test('while NATS does not answer the age grows, and beyond the bound nothing is known; the age is young while nothing changes', async () => {
  await publish(record('a'));
  await using directory = await follow({ maxAgeMs: 3_000 });
  await waitFor(() => directory.ageSeconds() < 0.1, { what: 'a young age' });
  process.kill(nats.pid, 'SIGSTOP');
  try {
    assert.equal(statusOf(directory, 'a'), 'active');
    await waitFor(() => statusOf(directory, 'a') === 'registry_unavailable', { what: 'the bound' });
    assert.ok(directory.ageSeconds() >= 3);
    assert.match(directory.faults().join(), /up to date \d+ s ago/);
  } finally {
    process.kill(nats.pid, 'SIGCONT');
  }
  await waitFor(directory.isReady, { what: 'the registry to be known again' });
});

test('NATS killed and back: what another client changed meanwhile is in force once it answers', async () => {
  await publish(record('a'), record('b'));
  await using directory = await follow();
  await nats.kill();
  await nats.restart();
  await using writer = await openConnection({ url: nats.url, name: 'writer' });
  const other = await new Kvm(writer.nats).open('sites');
  await putSite(other, record('a', { status: 'disabled' }));
  await removeSite(other, 'b');
  await becomes(directory, 'a', 'disabled', { everyMs: 20, most: 500 });
  await becomes(directory, 'b', 'site_unknown', { everyMs: 20, most: 500 });
});

test('one key or secret that cannot be used is left out and named; the rest of the site works', async () => {
  const { keys, secrets } = record('a');
  await publish(
    record('a', {
      keys: [{ kid: 'broken', algorithm: 'ES256', public_key: 'none', expires_at: null }, ...keys],
      secrets: [{ sealed_secret: keyring.seal('x', secretContext('other')), expires_at: null }, ...secrets],
    }),
    record('b'),
  );
  await using directory = await follow();
  const site = directory.find('a');
  assert.equal(site?.keys.get('broken'), null);
  assert.equal(site?.keys.get(rsaKeyPair(0).kid)?.algorithm, 'RS256');
  assert.equal(site?.secrets.length, 1);
  assert.deepEqual(
    directory.seen.map((fault) => fault.kind === 'site' && `${fault.siteId} ${fault.part}`),
    ['a key broken', 'a secret 1'],
  );
  assert.deepEqual([directory.count(), directory.faults()], [{ sites: 2, faulty: 1, unverifiable: 0 }, []]);
});

test('a record that cannot be read is not a site to judge by, and touches no other', async () => {
  await publish(record('a'), record('b'));
  await using directory = await follow();
  const broken: [value: string, reason: RegExp][] = [
    ['{"site_id":', /is not JSON/],
    ['{}', /site_id/],
    [JSON.stringify(record('a', { settings: { rate_limits: {} } as never })), /settings/],
    [JSON.stringify(record('b')), /another site/],
  ];
  for (const [value, reason] of broken) {
    await bucket.put('a', value);
    await becomes(directory, 'a', 'registry_unavailable');
    const fault = directory.seen.at(-1);
    assert.ok(fault?.kind === 'site' && fault.part === 'record');
    assert.match(fault.reason, reason);
    await putSite(bucket, record('a'));
    await becomes(directory, 'a', 'active');
  }
  assert.equal(statusOf(directory, 'b'), 'active');
});

test('if sites exist and none can be used, as with the wrong sealing keys, that is a fault; no sites at all is none', async () => {
  await markPublished(bucket);
  await using empty = await follow();
  assert.deepEqual(empty.faults(), []);
  await publish(record('a'), record('b'));
  const wrong = createKeyring(`test:${Buffer.alloc(32, 8).toString('base64')}`);
  await using directory = followSites(connection, wrong, { onFault: () => undefined });
  await waitFor(directory.isReady, { what: 'the sites to be read' });
  assert.match(directory.faults().join(), /none of the 2 sites can be used: are SEALING_KEYS/);
  await putSite(bucket, record('a', { secrets: [] }));
  await waitFor(() => directory.faults().length === 0, { what: 'one site that can be used' });
});

test('a bucket that is deleted while it is read is not a bucket that was read', async () => {
  for (let round = 0; round < 5; round++) {
    bucket = await applySitesBucket(connection.nats, 1);
    await publish(...Array.from({ length: 20 }, (_, at) => record(`site-${at}`)));
    const reading = readBucket(connection.nats).then(
      (texts) => texts.size,
      () => 'refused',
    );
    await manager.streams.delete(STREAM);
    assert.ok([0, 21, 'refused'].includes(await reading));
  }
});

test('in a cluster a bucket that was made with one copy is given three when they are asked for', async () => {
  await using cluster = await startTestNatsCluster();
  await using apart = await openConnection({ url: cluster.urls.join(','), name: 'test' });
  const replicas = async (): Promise<number> =>
    (await (await jetstreamManager(apart.nats)).streams.info(STREAM)).config.num_replicas;
  await applySitesBucket(apart.nats, 1);
  assert.equal(await replicas(), 1);
  await applySitesBucket(apart.nats, 3);
  assert.equal(await replicas(), 3);
});
