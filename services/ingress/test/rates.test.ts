import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rsaKeyPair, waitFor } from '@pressferry/testing';
import { type Answer, createWorld, get, metric, outcome, post, spread, type Target, untilEnd } from './world.ts';

// A limit that earns nothing worth mentioning within a test: what passes is the burst, and not one more.
const SLOW = { per_minute: 1, burst: 12 };
const LIMITS = {
  RATE_LIMIT_IP_PER_MINUTE: '1',
  RATE_LIMIT_IP_BURST: '9',
  RATE_LIMIT_IP_EXEMPT: '127.0.0.1',
  TRUSTED_PROXIES: '127.0.0.1',
};

const world = untilEnd(await createWorld());
// The first one alone begins with full buckets; the others come to share them.
const replicas = [untilEnd(await world.start(LIMITS))];
for (let more = 0; more < 2; more++) replicas.push(untilEnd(await world.start(LIMITS)));
for (const replica of replicas)
  await waitFor(async () => Math.floor((await metric(replica, 'limit_share')) * 100) === 33, {
    what: 'a share of a third',
  });

const accepted = (answers: Answer[]): number => answers.filter(({ status }) => status === 202).length;

test('a limit of a site holds over three replicas: its burst passes, and not one more', async () => {
  const site = await world.site({ settings: { rate_limit: SLOW } }, ...replicas);
  const answers = await spread(replicas, 60, (to) => post(to, site));
  assert.ok(accepted(answers) <= SLOW.burst, `${accepted(answers)} passed`);
  const refused = answers.find(({ status }) => status === 429);
  assert.equal(refused?.body.code, 'rate_limited_site');
  assert.equal(refused?.headers['ratelimit-policy'], '"site";q=1;w=60');
  assert.match(String(refused?.headers.ratelimit), /^"site";r=0;t=\d+$/);
  assert.ok(Number(refused?.headers['retry-after']) >= 1);
  assert.equal((await world.events(site.siteId)).length, accepted(answers));
});

test('a site at its limit slows no other, and what is not signed by it costs it nothing', async () => {
  const noisy = await world.site({ settings: { rate_limit: SLOW } }, ...replicas);
  const quiet = await world.site({ settings: { rate_limit: { per_minute: 6_000, burst: 100 } } }, ...replicas);
  const forged = { ...quiet, privateKey: rsaKeyPair(1).privateKey };
  const [, , calm] = await Promise.all([
    spread(replicas, 60, (to) => post(to, noisy)),
    spread(replicas, 60, (to) => post(to, forged)),
    spread(replicas, 20, (to) => post(to, quiet)),
  ]);
  assert.equal(accepted(calm), 20);
});

test('a lifted limit lets everything pass', async () => {
  const site = await world.site({ settings: { rate_limit: { per_minute: 0 } } }, ...replicas);
  assert.equal(accepted(await spread(replicas, 90, (to) => post(to, site))), 90);
});

test('a limit per address holds over three replicas, by /64 in IPv6, before a request is looked at', async () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const answers = await spread(replicas, 45, (to, host) => get(to, '/nowhere', from(`2001:db8:0:1::${host + 1}`)));
  const passed = answers.filter((answer) => outcome(answer) === 'not_found').length;
  assert.ok(passed >= 1 && passed <= 9, `${passed} passed`);
  assert.equal(answers.filter((answer) => outcome(answer) === 'rate_limited_ip').length, answers.length - passed);
  const other = await get(replicas[0] as Target, '/nowhere', from('2001:db8:0:2::1'));
  assert.notEqual(outcome(other), 'rate_limited_ip');
});
