import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applySitesBucket, markPublished, putSite, type SiteRecord } from '@pressferry/sites';
import { waitFor } from '@pressferry/testing';
import { type Answer, createWorld, post, senderOf, siteRecord } from './world.ts';

const outcome = ({ status, body }: Answer): number | string => body.code ?? status;
const FRESH_MS = 1_000;

test('a bucket that is lost, made again and published is in force; no disabled site is served meanwhile, and readiness tells', async () => {
  await using apart = await createWorld();
  await using ingress = await apart.start();
  const [disabled, kept, removed] = [siteRecord(), siteRecord(), siteRecord()];
  for (const record of [disabled, kept, removed]) await apart.site(record, ingress);
  const ask = async (record: SiteRecord) => outcome(await post(ingress.apiUrl, senderOf(record)));
  const becomes = (record: SiteRecord, wanted: number | string) =>
    waitFor(async () => (await ask(record)) === wanted, { what: String(wanted), timeoutMs: FRESH_MS });

  await apart.manager.streams.delete('KV_sites');
  await becomes(kept, 'registry_unavailable');
  const ready = await fetch(`${ingress.opsUrl}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /bucket sites/);
  const bucket = await applySitesBucket(apart.connection.nats, 1);
  await putSite(bucket, { ...disabled, status: 'disabled' });
  await putSite(bucket, kept);
  assert.equal(await ask(kept), 'registry_unavailable');
  await markPublished(bucket);
  await becomes(disabled, 'site_disabled');
  await becomes(kept, 202);
  assert.equal(await ask(removed), 'site_unknown');
  assert.ok((await fetch(`${ingress.opsUrl}/readyz`)).ok);
  await putSite(bucket, { ...kept, status: 'disabled' });
  await becomes(kept, 'site_disabled');
});

test('with the wrong sealing keys ingress is not ready, and says which setting to look at', async () => {
  await using world = await createWorld();
  await world.site();
  await using ingress = await world.start({ SEALING_KEYS: `test:${Buffer.alloc(32, 8).toString('base64')}` });
  const reason = await waitFor(
    async () => {
      const text = await (await fetch(`${ingress.opsUrl}/readyz`)).text();
      return text.includes('SEALING_KEYS') ? text : undefined;
    },
    { what: 'the reason' },
  );
  assert.match(reason, /none of the \d+ sites can be used/);
});
