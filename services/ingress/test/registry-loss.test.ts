import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applySitesBucket, markPublished, putSite, type SiteRecord } from '@pressferry/sites';
import { ownTime } from '@pressferry/testing';
import { becomes, createWorld, outcome, post, senderOf, siteRecord } from './world.ts';

const FRESH_MS = 1_000;

test('a bucket that is lost, made again and published is in force; no disabled site is served meanwhile, and readiness tells', async () => {
  await using apart = await createWorld();
  await using ingress = await apart.start();
  const [disabled, kept, removed] = [siteRecord(), siteRecord(), siteRecord()];
  for (const record of [disabled, kept, removed]) await apart.site(record, ingress);
  const ask = (record: SiteRecord) => post(ingress, senderOf(record));
  const soon = async (record: SiteRecord, wanted: number | string) => {
    using time = ownTime();
    await becomes(() => ask(record), wanted);
    assert.ok(time.elapsedMs() <= FRESH_MS, `${wanted} took ${time.elapsedMs()} ms`);
  };

  await apart.manager.streams.delete('KV_sites');
  await soon(kept, 'registry_unavailable');
  const ready = await fetch(`${ingress.opsUrl}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /bucket sites/);
  const bucket = await applySitesBucket(apart.connection.nats, 1);
  await putSite(bucket, { ...disabled, status: 'disabled' });
  await putSite(bucket, kept);
  assert.equal(outcome(await ask(kept)), 'registry_unavailable');
  await markPublished(bucket);
  await soon(disabled, 'site_disabled');
  await soon(kept, 202);
  assert.equal(outcome(await ask(removed)), 'site_unknown');
  assert.ok((await fetch(`${ingress.opsUrl}/readyz`)).ok);
  await putSite(bucket, { ...kept, status: 'disabled' });
  await soon(kept, 'site_disabled');
});
