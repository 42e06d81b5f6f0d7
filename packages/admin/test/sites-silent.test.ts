import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { countSilentSites, noteCopy, noteHeartbeat } from '@pressferry/registry';
import { rsaKeyPair } from '@pressferry/testing';
import { sql } from 'kysely';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
});
after(() => world[Symbol.asyncDispose]());

const RULE = { spacingMs: 300_000, silenceMs: 7_200_000 };
const REPORT = {
  ...{ plugin_version: '0.2.0', wordpress_version: '6.5', php_version: '8.3', counts: {}, oldest_pending_s: null },
  ...{ clock_offset_ms: 0, key_age_s: 60, cron_late_s: 0 },
};

/** Registers a site that reported so many hours ago, if it ever did. */
async function site(siteId: string, hoursAgo?: number): Promise<void> {
  const key = await world.file(`${siteId}.pem`, rsaKeyPair(0).publicPem);
  const issuer = `https://${siteId}.example`;
  await world.run(['sites', 'add', siteId, '--issuer', issuer, '--kid', 'k1', '--public-key', key, '--print-secret']);
  if (hoursAgo === undefined) return;
  await noteHeartbeat(world.db, siteId, { homeUrl: issuer, report: REPORT }, RULE);
  await sql`update site_heartbeats set received_at = now() - ${hoursAgo}::int * interval '1 hour' where site_id = ${siteId}`.execute(
    world.db,
  );
}

test('a site that used to report and has not for a day is silent, in the count and in the list; none else is', async () => {
  await site('fresh', 23);
  await site('silent', 25);
  await site('never');
  await site('disabled', 25);
  await world.run(['sites', 'disable', 'disabled']);
  await site('copied');
  await noteCopy(world.db, 'copied', 'https://staging.example', REPORT);

  assert.equal(await countSilentSites(world.db), 1);
  assert.match(await world.run(['sites', 'list', '--silent']), /^silent .* \(silent since \d{4}-[^)]+Z\)$/m);
  assert.doesNotMatch(await world.run(['sites', 'list', '--silent']), /fresh|never|disabled|copied/);
  const listed = JSON.parse(await world.run(['sites', 'list', '--json'])) as { site_id: string; silent: boolean }[];
  assert.deepEqual(
    listed.filter(({ silent }) => silent).map(({ site_id }) => site_id),
    ['silent'],
  );
  assert.equal(listed.length, 5);

  await noteHeartbeat(world.db, 'silent', { homeUrl: 'https://silent.example', report: REPORT }, RULE);
  assert.equal(await countSilentSites(world.db), 0);
  assert.match(await world.run(['sites', 'list', '--silent']), /no site is silent/);
});
