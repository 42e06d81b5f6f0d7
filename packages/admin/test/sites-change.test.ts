import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rsaKeyPair, waitFor } from '@pressferry/testing';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
let publicKey: string;
before(async () => {
  world = await createRegistryWorld();
  publicKey = await world.file('public.pem', rsaKeyPair(0).publicPem);
});
after(() => world[Symbol.asyncDispose]());

async function registered(siteId: string, ...more: string[]): Promise<string> {
  const issuer = `https://${siteId}.example`;
  await world.run([
    'sites',
    'add',
    siteId,
    '--issuer',
    issuer,
    '--kid',
    'k1',
    '--public-key',
    publicKey,
    '--print-secret',
    ...more,
  ]);
  await world.inForce(siteId, 'active');
  return siteId;
}

const rowOf = (siteId: string) =>
  world.db.selectFrom('sites').selectAll().where('site_id', '=', siteId).executeTakeFirstOrThrow();

test('settings are set in force, shown with where they come from, and taken back', async () => {
  const site = await registered('settings');
  const set = [
    'sites',
    'set',
    site,
    'rate.per_minute=600',
    'ip_allow=192.0.2.0/24,2001:db8::1',
    'event_types.order.paid=off',
    'issuer=https://moved.example',
  ];
  assert.match(await world.run(set), /settings has rate\.per_minute=600, /);
  const read = await waitFor(
    () => (world.sites.find(site)?.issuer === 'https://moved.example' ? world.sites.find(site) : undefined),
    { what: 'the change' },
  );
  assert.deepEqual(read.settings, {
    rate_limit: { per_minute: 600 },
    ip_allow: ['192.0.2.0/24', '2001:db8::1'],
    event_types: { 'order.paid': 'off' },
  });
  assert.equal((await world.json(set)).result, 'unchanged');
  const shown = await world.json(['sites', 'show', site], { env: { MAX_HELD_EVENTS: '7' } });
  assert.deepEqual(shown.settings, [
    { name: 'rate.per_minute', value: '600', source: 'site' },
    { name: 'rate.burst', value: '60', source: 'default' },
    { name: 'ip_allow', value: '192.0.2.0/24, 2001:db8::1', source: 'site' },
    { name: 'max_held_events', value: '7', source: 'config' },
    { name: 'event_types.order.paid', value: 'off', source: 'site' },
  ]);
  assert.deepEqual([shown.published, shown.unusable], ['yes', []]);
  assert.match(
    await world.run(['sites', 'show', site]),
    /rate\.per_minute +600 {2}\(site\)\n.*rate\.burst +60 {2}\(default\)/,
  );
  await world.run(['sites', 'set', site, 'rate.per_minute=', 'ip_allow=', 'event_types.order.paid=default']);
  assert.deepEqual((await rowOf(site)).settings, {});
});

test('a wrong setting is refused with every fault, and none of the others is set', async () => {
  const site = await registered('wrong');
  const { updated_at } = await rowOf(site);
  const refused = await world.run(
    [
      'sites',
      'set',
      site,
      'rate.per_minute=600',
      'rate.burst=-1',
      'ip_allow=10.0.0.1/33',
      'event_types.order.payed=off',
      'colour=red',
      'issuer=a b',
    ],
    { code: 1 },
  );
  for (const part of [
    /issuer holds a blank/,
    /rate\.burst: /,
    /ip_allow\.0: must be an address/,
    /no event type order\.payed/,
    /colour: there is no such setting/,
  ])
    assert.match(refused, part);
  assert.deepEqual((await rowOf(site)).updated_at, updated_at);
  await world.run(['sites', 'set', site, 'nothing'], { code: 2 });
  await world.run(['sites', 'set', site, 'issuer=a', 'issuer=b'], { code: 2 });
  assert.match(
    await world.run(['sites', 'set', 'nobody', 'issuer=x'], { code: 1 }),
    /^there is no site nobody: pressferry sites list\n$/,
  );
});

test('a callback URL is set, stopped by a 410, resumed and cleared', async () => {
  const site = await registered('endpoint');
  const url = 'https://endpoint.example/callback';
  for (const refused of [
    'http://endpoint.example/',
    'https://169.254.169.254/',
    'file:///etc/passwd',
    'endpoint.example',
  ])
    await world.run(['sites', 'endpoint', 'set', site, refused], { code: 1 });
  await world.run(['sites', 'endpoint', 'set', site, 'http://10.0.0.1/x', '--allow-http', '--allow-private']);
  await world.run(['sites', 'endpoint', 'set', site, url]);
  await waitFor(() => world.sites.find(site)?.callbackUrl === url, { what: 'the URL' });
  await world.db.updateTable('sites').set({ callback_stopped_at: new Date() }).where('site_id', '=', site).execute();
  assert.match(await world.run(['sites', 'show', site]), /no longer pushed to https:.*endpoint resume endpoint/);
  assert.match(await world.run(['sites', 'list']), /endpoint .*\(stopped\)/);
  assert.match(
    await world.run(['sites', 'endpoint', 'resume', site]),
    /are pushed to https:\/\/endpoint\.example\/callback again/,
  );
  assert.equal((await rowOf(site)).callback_stopped_at, null);
  assert.equal((await world.json(['sites', 'endpoint', 'resume', site])).result, 'unchanged');
  assert.match(await world.run(['sites', 'endpoint', 'clear', site]), /endpoint polls its results/);
  await waitFor(() => world.sites.find(site)?.callbackUrl === null, { what: 'the end of the URL' });
});

test('a site is removed once it is disabled: its keys, its secrets, its record; what it has of events is told', async () => {
  const site = await registered('leaving');
  assert.match(await world.run(['sites', 'remove', site], { code: 1 }), /leaving is active: disable it first/);
  await world.run(['sites', 'disable', site]);
  await world.inForce(site, 'disabled');
  const removed = await world.json(['sites', 'remove', site]);
  assert.deepEqual(removed.remains, { events: 0, open_runs: 0, undelivered_results: 0 });
  await world.inForce(site, 'site_unknown');
  for (const table of ['sites', 'site_keys', 'site_secrets'] as const)
    assert.deepEqual(await world.db.selectFrom(table).selectAll().where('site_id', '=', site).execute(), []);
  const audited = await world.db
    .selectFrom('audit_log')
    .select('action')
    .where('site_id', '=', site)
    .orderBy('audit_id')
    .execute();
  assert.deepEqual(
    audited.map(({ action }) => action),
    ['site.add', 'site.disable', 'site.remove'],
  );
  await world.run(['sites', 'remove', site], { code: 1 });
});

test('one bad row, however it came there, disables no command, and is named', async () => {
  const site = await registered('broken');
  await registered('sound');
  await world.db
    .updateTable('sites')
    .set({ callback_url: 'wp.example/callback' })
    .where('site_id', '=', site)
    .execute();
  await world.db.updateTable('site_keys').set({ public_key: 'none' }).where('site_id', '=', site).execute();
  const sealed_secret = 'pf1.lost.AAAA';
  await world.db.updateTable('site_secrets').set({ sealed_secret }).where('site_id', '=', site).execute();
  const published = await world.run(['sites', 'publish']);
  for (const part of [
    /^broken: key k1: /m,
    /^broken: secret 1: sealed under the key "lost"/m,
    /^broken: callback_url: is not an absolute/m,
  ])
    assert.match(published, part);
  assert.doesNotMatch(published, /^sound/m);
  const unusable = (await world.json(['sites', 'show', site])).unusable as { part: string }[];
  assert.deepEqual(
    unusable.map(({ part }) => part),
    ['key k1', 'secret 1', 'callback_url'],
  );
  assert.match(await world.run(['sites', 'list', '--check']), /broken .*\n {2}! key k1: [\s\S]*sound /);
  await world.db.updateTable('sites').set({ settings: '{"rate_limit": 5}' }).where('site_id', '=', site).execute();
  assert.match(await world.run(['sites', 'publish']), /^broken: record: settings\.rate_limit/m);
  await world.run(['sites', 'disable', 'sound']);
  await world.run(['sites', 'disable', site]);
  await world.run(['sites', 'remove', site]);
});

test('labels are given, shown, listed by and taken, all or none', async () => {
  const site = await registered('labelled');
  await registered('unlabelled');
  await world.run(['sites', 'set', site, 'label.plan=gold', 'label.customer=Acme & Sons', 'rate.per_minute=600']);
  const shown = await world.json(['sites', 'show', site]);
  assert.deepEqual(shown.labels, { customer: 'Acme & Sons', plan: 'gold' });
  assert.match(await world.run(['sites', 'show', site]), /label\.plan +gold/);
  const listed = await world.json(['sites', 'list', '--label', 'plan=gold', '--label', 'customer=Acme & Sons']);
  assert.deepEqual(
    (listed as unknown as { site_id: string }[]).map(({ site_id }) => site_id),
    [site],
  );
  assert.match(await world.run(['sites', 'list', '--label', 'plan=silver']), /no site has these labels/);
  const bad = ['sites', 'set', site, 'label.plan=silver', 'label.Plan=x', `label.long=${'x'.repeat(201)}`];
  const refused = await world.json(bad, { code: 1 });
  assert.match(
    JSON.stringify(refused),
    /label\.Plan: its name begins with a small letter.*label\.long: its value has 1 to 200/,
  );
  assert.match(await world.run(['sites', 'set', site, 'label.plan=']), /label\.plan=none/);
  assert.deepEqual((await rowOf(site)).labels, { customer: 'Acme & Sons' });
  assert.equal((await world.json(['sites', 'set', site, 'label.plan='])).result, 'unchanged');
});
