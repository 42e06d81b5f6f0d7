import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type Database, migrate, openDatabase } from '@pressferry/database';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { createKeyring } from '@pressferry/runtime';
import { PUBLISHED_KEY, readBucket, type SiteRecord } from '@pressferry/sites';
import { rsaKeyPair, startTestNats, startTestPostgres } from '@pressferry/testing';
import { addSiteKey, addSiteSecret, beginRound, publishSite, publishSites, registerSite } from '../src/index.ts';

const keyring = createKeyring(`test:${Buffer.alloc(32, 7).toString('base64')}`);
const resources = new AsyncDisposableStack();
let connection: Connection;
let manager: JetStreamManager;
let db: Database;
let other: Database;
before(async () => {
  const nats = resources.use(await startTestNats());
  const postgres = resources.use(await startTestPostgres());
  const { url } = resources.use(await postgres.createDatabase());
  db = resources.use(openDatabase({ url, applicationName: 'test' }));
  other = resources.use(openDatabase({ url, applicationName: 'other' }));
  connection = resources.use(await openConnection({ url: nats.url, name: 'test' }));
  manager = await jetstreamManager(connection.nats);
  await migrate(db);
});
after(() => resources.disposeAsync());
beforeEach(async () => {
  await manager.streams.delete('KV_sites').catch(() => undefined);
  await db.deleteFrom('sites').execute();
});

async function register(siteId: string): Promise<void> {
  await registerSite(db, { siteId, issuer: `https://${siteId}.example` });
  await addSiteKey(db, { siteId, kid: 'k1', algorithm: 'RS256', publicKey: rsaKeyPair(0).publicPem });
  await addSiteSecret(db, keyring, { siteId, secret: 'the first' });
}

async function published(): Promise<Record<string, SiteRecord>> {
  const texts = await readBucket(connection.nats);
  texts.delete(PUBLISHED_KEY);
  return Object.fromEntries([...texts].map(([key, text]) => [key, JSON.parse(text) as SiteRecord]));
}

test('a missing bucket is made, filled and marked as complete; a second time nothing is written', async () => {
  for (const siteId of ['a', 'b']) await register(siteId);
  assert.deepEqual(await publishSites(db, connection.nats), { written: ['a', 'b'], removed: [], unchanged: 0 });
  assert.ok((await readBucket(connection.nats)).has(PUBLISHED_KEY));
  const { state } = await manager.streams.info('KV_sites');
  assert.deepEqual(await publishSites(db, connection.nats), { written: [], removed: [], unchanged: 2 });
  assert.equal((await manager.streams.info('KV_sites')).state.last_seq, state.last_seq);
});

test('what differs is written, what Postgres does not hold is removed, whatever it is', async () => {
  for (const siteId of ['a', 'b', 'c']) await register(siteId);
  await publishSites(db, connection.nats);
  const bucket = await new Kvm(connection.nats).open('sites');
  await bucket.put('a', 'damaged');
  await bucket.delete('b');
  await bucket.put('stranger', '{}');
  await db.deleteFrom('sites').where('site_id', '=', 'c').execute();
  const done = await publishSites(db, connection.nats);
  assert.deepEqual([done.written, done.removed.toSorted(), done.unchanged], [['a', 'b'], ['c', 'stranger'], 0]);
  assert.deepEqual(Object.keys(await published()).toSorted(), ['a', 'b']);
});

test('one site is published alone: its live keys and secrets, the newest first; removed once it is not registered', async () => {
  await register('a');
  await addSiteKey(db, { siteId: 'a', kid: 'k2', algorithm: 'RS256', publicKey: rsaKeyPair(1).publicPem });
  await db
    .updateTable('site_keys')
    .set({ expires_at: new Date(Date.now() - 1_000) })
    .where('kid', '=', 'k1')
    .execute();
  const previousExpireAt = new Date(Date.now() + 60_000);
  await addSiteSecret(db, keyring, { siteId: 'a', secret: 'the second', previousExpireAt });
  await publishSite(db, connection.nats, 'a');
  const { a } = await published();
  assert.deepEqual(
    a?.keys.map(({ kid, expires_at }) => [kid, expires_at]),
    [['k2', null]],
  );
  assert.deepEqual(
    a?.secrets.map(({ sealed_secret, expires_at }) => [
      keyring.open(sealed_secret, 'site-secret:a').toString(),
      expires_at,
    ]),
    [
      ['the second', null],
      ['the first', previousExpireAt.toISOString()],
    ],
  );
  await db.deleteFrom('sites').execute();
  await publishSite(db, connection.nats, 'a');
  assert.deepEqual(await published(), {});
});

test('however many change a site and publish it at a time, what is published in the end is what Postgres holds', async () => {
  await register('a');
  const change = async (from: Database, number: number): Promise<void> => {
    await registerSite(from, { siteId: 'a', issuer: `https://a-${number}.example` });
    await (number % 5 === 0 ? publishSites(from, connection.nats) : publishSite(from, connection.nats, 'a'));
  };
  await Promise.all(Array.from({ length: 30 }, (_, number) => change(number % 2 === 0 ? db : other, number)));
  const { issuer } = await db.selectFrom('sites').select('issuer').executeTakeFirstOrThrow();
  assert.equal((await published()).a?.issuer, issuer);
});

test('of many who would begin a round at a time one does', async () => {
  await db.updateTable('registry_rounds').set({ begun_at: '-infinity' }).execute();
  const begun = await Promise.all(Array.from({ length: 8 }, (_, at) => beginRound(at % 2 === 0 ? db : other, 60_000)));
  assert.equal(begun.filter(Boolean).length, 1);
  assert.equal(await beginRound(db, 0), true);
});
