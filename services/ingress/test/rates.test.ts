import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rsaKeyPair, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, createWorld, post, sendAs, type World } from './world.ts';

// A limit that earns nothing worth mentioning within a test: what passes is the burst, and not one more.
const SLOW = { per_minute: 1, burst: 12 };
const LIMITS = {
  RATE_LIMIT_IP_PER_MINUTE: '1',
  RATE_LIMIT_IP_BURST: '9',
  RATE_LIMIT_IP_EXEMPT: '127.0.0.1',
  TRUSTED_PROXIES: '127.0.0.1',
};

let world: World;
let replicas: Ingress[] = [];
before(async () => {
  world = await createWorld();
  // The first one alone begins with full buckets; the others come to share them.
  replicas = [await world.start(LIMITS)];
  replicas.push(...(await Promise.all([world.start(LIMITS), world.start(LIMITS)])));
  const share = async ({ opsUrl }: Ingress): Promise<boolean> =>
    /limit_share 0\.33/.test(await (await fetch(`${opsUrl}/metrics`)).text());
  for (const replica of replicas)
    await waitFor(() => share(replica), { what: 'a share of a third', timeoutMs: 15_000 });
});
after(async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const replica = (at: number): string => replicas[at % replicas.length]?.apiUrl ?? '';

/** Sends so many at once, spread over the replicas. */
const burst = (count: number, sendOne: (apiUrl: string) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => sendOne(replica(at))));

const accepted = (answers: Answer[]): number => answers.filter(({ status }) => status === 202).length;

test('a limit of a site holds over three replicas: its burst passes, and not one more', async () => {
  const site = await world.site({ settings: { rate_limit: SLOW } }, ...replicas);
  const answers = await burst(60, (apiUrl) => post(apiUrl, site));
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
  const forged: TestSender = { ...quiet, privateKey: rsaKeyPair(1).privateKey };
  const [, , calm] = await Promise.all([
    burst(60, (apiUrl) => post(apiUrl, noisy)),
    burst(60, (apiUrl) => post(apiUrl, forged)),
    burst(20, (apiUrl) => post(apiUrl, quiet)),
  ]);
  assert.equal(accepted(calm), 20);
});

test('a lifted limit lets everything pass', async () => {
  const site = await world.site({ settings: { rate_limit: { per_minute: 0 } } }, ...replicas);
  assert.equal(accepted(await burst(90, (apiUrl) => post(apiUrl, site))), 90);
});

test('a limit per address holds over three replicas, by /64 in IPv6, before a request is looked at', async () => {
  let host = 0;
  const ask = (apiUrl: string): Promise<Answer> => {
    const headers = { 'x-forwarded-for': `2001:db8:0:1::${++host}` };
    return sendAs(apiUrl, { method: 'GET', path: '/nowhere', headers });
  };
  const answers = await burst(45, ask);
  const passed = answers.filter(({ body }) => body.code === 'not_found').length;
  assert.ok(passed <= 9, `${passed} passed`);
  assert.ok(passed >= 1);
  assert.equal(answers.length - passed, answers.filter(({ body }) => body.code === 'rate_limited_ip').length);
  const other = await sendAs(replica(0), {
    method: 'GET',
    path: '/nowhere',
    headers: { 'x-forwarded-for': '2001:db8:0:2::1' },
  });
  assert.notEqual(other.body.code, 'rate_limited_ip');
});
