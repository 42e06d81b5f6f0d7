import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { publishSites, registerSite } from '@pressferry/registry';
import { waitFor } from '@pressferry/testing';
import { createWorld, type TestSite, type World } from './world.ts';

/** Longer than any test: what is fixed in it is not fixed by a regular round. */
const NEVER = '3600000';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());
beforeEach(() => world.db.updateTable('registry_rounds').set({ begun_at: '-infinity' }).execute());

/** What a poll of the site is answered: 200 or the problem's code. */
async function poll(apiUrl: string, site: TestSite): Promise<number | string> {
  const response = await fetch(`${apiUrl}/results`, { headers: { authorization: `Bearer ${world.token(site)}` } });
  const { code } = (await response.json()) as { code?: string };
  return code ?? response.status;
}

const answers = (apiUrl: string, site: TestSite, wanted: number | string): Promise<unknown> =>
  waitFor(async () => (await poll(apiUrl, site)) === wanted, { what: `a poll answered ${wanted}` });

/** Within a second, or longer on a machine that is busy. */
const refusesSoon = (apiUrl: string, site: TestSite): Promise<unknown> =>
  waitFor(
    async () => {
      await world.connection.nats.flush();
      return (await poll(apiUrl, site)) === 'registry_unavailable';
    },
    { what: 'a poll refused', everyMs: 50, most: 20 },
  );

test('a lost bucket is published again within seconds, no one asked; a site disabled meanwhile is refused', async () => {
  const [site, other] = [await world.site(), await world.site()];
  await using callback = await world.start({ RECONCILE_INTERVAL_MS: NEVER });
  await answers(callback.apiUrl, site, 200);
  await (await jetstreamManager(world.connection.nats)).streams.delete('KV_sites');
  await registerSite(world.db, { ...site, status: 'disabled' });
  await answers(callback.apiUrl, site, 'site_disabled');
  await answers(callback.apiUrl, other, 200);
  assert.ok((await fetch(`${callback.opsUrl}/readyz`)).ok);
});

test('while the bucket is lost and Postgres is away too, polls are 503 and callback is not ready', async () => {
  const site = await world.site();
  await using callback = await world.start();
  await answers(callback.apiUrl, site, 200);
  await world.postgres.server.stop();
  await (await jetstreamManager(world.connection.nats)).streams.delete('KV_sites');
  await refusesSoon(callback.apiUrl, site);
  const ready = await fetch(`${callback.opsUrl}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /bucket sites/);
  await world.postgres.server.restart();
  await answers(callback.apiUrl, site, 200);
});

test('what differs from Postgres is fixed: changed, missing and left over; counted once, whatever the number of replicas', async () => {
  const [changed, missing, removed] = [await world.site(), await world.site(), await world.site()];
  await using one = await world.start({ RECONCILE_INTERVAL_MS: '1000' });
  await using two = await world.start({ RECONCILE_INTERVAL_MS: '1000' });
  for (const site of [changed, missing, removed]) await answers(one.apiUrl, site, 200);
  await publishSites(world.db, world.connection.nats);

  await world.db.updateTable('sites').set({ status: 'disabled' }).where('site_id', '=', changed.siteId).execute();
  await (await new Kvm(world.connection.nats).open('sites')).delete(missing.siteId);
  await world.db.deleteFrom('sites').where('site_id', '=', removed.siteId).execute();
  for (const { apiUrl } of [one, two]) {
    await answers(apiUrl, changed, 'site_disabled');
    await answers(apiUrl, missing, 200);
    await answers(apiUrl, removed, 'site_unknown');
  }
  const counts = { written: 0, removed: 0 };
  for (const { opsUrl } of [one, two]) {
    const text = await (await fetch(`${opsUrl}/metrics`)).text();
    for (const change of ['written', 'removed'] as const) {
      counts[change] += Number(new RegExp(`reconciled_sites_total\\{change="${change}"\\} (\\d+)`).exec(text)?.[1]);
    }
  }
  assert.deepEqual(counts, { written: 2, removed: 1 });
});

test('nothing is pushed while the registry is not known, and all of it afterwards', async () => {
  const site = await world.site({ callbackUrl: 'http://127.0.0.1:9/callback' });
  await using callback = await world.start({ RECONCILE_INTERVAL_MS: NEVER });
  await answers(callback.apiUrl, site, 200);
  await world.postgres.server.stop();
  const manager = await jetstreamManager(world.connection.nats);
  await manager.streams.delete('KV_sites');
  await refusesSoon(callback.apiUrl, site);
  await world.postgres.server.restart();
  // Another replica's round has just begun: the bucket stays lost for as long.
  await world.db
    .updateTable('registry_rounds')
    .set({ begun_at: new Date(Date.now() + 3_600_000) })
    .execute();
  const result = await world.result(site);
  await waitFor(async () => (await world.status(result.resultId)) === 'pending', { what: 'the result to be taken in' });
  const attempts = () => world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).execute();
  assert.deepEqual(await attempts(), []);
  await world.db.updateTable('registry_rounds').set({ begun_at: '-infinity' }).execute();
  await waitFor(async () => (await attempts()).length > 0, { what: 'an attempt' });
});
