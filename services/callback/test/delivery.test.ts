import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeDeadLetter, decodeResult, REPLAY_HEADER } from '@pressferry/contracts';
import { addSiteSecret, registerSite } from '@pressferry/registry';
import { createLatch, waitFor } from '@pressferry/testing';
import { Webhook } from 'standardwebhooks';
import { startReceiver } from './receiver.ts';
import { createWorld, keyring, readDeadLetters, type TestResult, type TestSite, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

const attemptsOf = (result: TestResult) =>
  world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).orderBy('attempt').execute();

const deliveryOf = (result: TestResult) =>
  world.db.selectFrom('deliveries').selectAll().where('result_id', '=', result.resultId).executeTakeFirstOrThrow();

const setStatus = async ({ siteId, issuer }: TestSite, status: 'active' | 'paused' | 'disabled'): Promise<void> => {
  await registerSite(world.db, { siteId, issuer, status });
  await world.republish(siteId);
};

test('a result is pushed signed, once, in its trace, and acknowledged', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _callback = await world.start();
  const result = await world.result(site, { output: { summary: 'Die Fähre 🚢' } });
  await until(result, 'acknowledged');

  const [push, ...others] = receiver.received;
  assert.deepEqual(others, []);
  assert.ok(push?.verified);
  const body = JSON.parse(push.body);
  assert.equal(body.result_id, result.resultId);
  assert.equal(body.request_id, result.requestId);
  assert.deepEqual(body.output, { summary: 'Die Fähre 🚢' });
  assert.match(body.sent_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(push.headers['webhook-id'], result.resultId);
  assert.equal(push.headers.traceparent?.slice(3, 35), result.traceparent.slice(3, 35));
  const library = new Webhook(`whsec_${Buffer.from(site.secret, 'utf8').toString('base64')}`);
  library.verify(push.body, push.headers as Record<string, string>);
  const delivery = await deliveryOf(result);
  assert.equal(delivery.attempt_count, 1);
  assert.ok(delivery.finished_at);
  // A first attempt that was acknowledged tells nothing more than its delivery.
  assert.deepEqual(await attemptsOf(result), []);
});

test('while WordPress is down its results are tried again, and arrive once it is back', async () => {
  await using receiver = await startReceiver();
  const { url } = receiver;
  const site = await world.site({ callbackUrl: url });
  receiver.secrets = [site.secret];
  let failures = 0;
  receiver.behave = (_push, response, acknowledge) => {
    if (++failures > 3) return acknowledge();
    if (failures === 1) return void response.destroy();
    response.writeHead(failures === 2 ? 500 : 503, { 'content-type': 'application/json' }).end('{}');
  };
  await using _callback = await world.start();
  const result = await world.result(site);
  await until(result, 'acknowledged');
  const attempts = await attemptsOf(result);
  assert.deepEqual(
    attempts.map(({ outcome, status_code, failure_code }) => [outcome, status_code, failure_code]),
    [
      ['retry', null, 'connection_lost'],
      ['retry', 500, 'server_error'],
      ['retry', 503, 'server_error'],
      ['acknowledged', 200, null],
    ],
  );
  const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']));
  assert.deepEqual([...ids], [result.resultId]);
  assert.equal(receiver.stored.size, 1);
});

test('an answer of 200 without a signed acknowledgement never counts: in the end the result is a dead letter', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const pages = [
    { 'content-type': 'text/html' },
    { 'content-type': 'application/json' },
    { 'content-type': 'application/json', 'x-signature': `sha256=${'0'.repeat(64)}` },
  ];
  receiver.behave = (_push, response) => {
    const page = pages[(receiver.received.length - 1) % pages.length];
    response.writeHead(200, page).end(JSON.stringify({ status: 'stored' }));
  };
  await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20,20' });
  const result = await world.result(site);
  await until(result, 'dead');
  const codes = (await attemptsOf(result)).map(({ failure_code }) => failure_code);
  assert.deepEqual(codes, ['html_answer', 'unsigned_answer', 'signature_mismatch']);

  const letters = await readDeadLetters(world.connection, site.siteId);
  assert.equal(letters.length, 1);
  const letter = decodeDeadLetter(letters[0]?.data ?? new Uint8Array());
  assert.equal(letter.reason, 'signature_mismatch');
  assert.equal(letter.requestId, result.requestId);
  assert.equal(decodeResult(letter.message).resultId, result.resultId);

  // A dead letter is replayed by publishing its message again, as a replay.
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await world.publish(result, { [REPLAY_HEADER]: 'once' });
  await until(result, 'acknowledged');
  assert.equal((await attemptsOf(result)).length, 4);
});

test('during a rotation each of both secrets verifies alone', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  await using _callback = await world.start();
  const previousExpireAt = new Date(Date.now() + 3_600_000);
  await addSiteSecret(world.db, keyring, { siteId: site.siteId, secret: 'the new secret', previousExpireAt });
  await world.republish(site.siteId);
  for (const secret of [site.secret, 'the new secret']) {
    receiver.secrets = [secret];
    const result = await world.result(site);
    await until(result, 'acknowledged');
  }
  assert.ok(receiver.received.every(({ verified }) => verified));
});

test('an expired secret signs nothing any more', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  const previousExpireAt = new Date(Date.now() - 1_000);
  await addSiteSecret(world.db, keyring, { siteId: site.siteId, secret: 'the new secret', previousExpireAt });
  await world.republish(site.siteId);
  receiver.secrets = ['the new secret'];
  await using _callback = await world.start();
  await until(await world.result(site), 'acknowledged');
  assert.equal(String(receiver.received[0]?.headers['webhook-signature']).split(' ').length, 1);
});

test('while a site is paused its results are held, and they are delivered when it is active again', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url, status: 'paused' });
  receiver.secrets = [site.secret];
  await using _callback = await world.start();
  const held = await world.result(site);
  await until(held, 'held');
  await setStatus(site, 'active');
  await until(held, 'acknowledged');

  // Paused between intake and attempt.
  receiver.behave = (_push, response) => response.writeHead(500).end();
  const due = await world.result(site);
  await waitFor(async () => (await attemptsOf(due)).length > 0, { what: 'a failed attempt' });
  await setStatus(site, 'paused');
  await until(due, 'held');
});

test('what a paused or disabled site has waiting arrives once and at the pace set, whatever the replicas', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url, status: 'paused' });
  receiver.secrets = [site.secret];
  const pace = { RESUME_SPACING_MS: '100' };
  await using _one = await world.start(pace);
  await using _two = await world.start(pace);
  const results: TestResult[] = [];
  for (let times = 0; times < 20; times++) results.push(await world.result(site));
  for (const result of results) await until(result, 'held');
  await setStatus(site, 'disabled');
  const late = await world.result(site);
  await until(late, 'held');
  assert.equal(receiver.received.length, 0);

  await setStatus(site, 'active');
  for (const result of [...results, late]) await until(result, 'acknowledged');
  assert.equal(receiver.received.length, 21);
  const deliveries = await Promise.all([...results, late].map(deliveryOf));
  const finishedAtMs = deliveries.map(({ finished_at }) => finished_at?.getTime() ?? 0).sort((a, b) => a - b);
  const tookMs = (finishedAtMs.at(-1) ?? 0) - (finishedAtMs[0] ?? 0);
  // The last became due 2,000 ms after the first; the first may have been looked for up to a poll interval late.
  assert.ok(tookMs >= 1_800, `21 deliveries took ${tookMs} ms`);
});

/** Attempts that hang outlast every wait of a test, and are given back at its end. */
const HANGING = { ATTEMPT_TIMEOUT_MS: '120000', FIRST_ATTEMPT_TIMEOUT_MS: '120000', SHUTDOWN_GRACE_MS: '100' };

test('a site that hangs does not delay another', async () => {
  await using hanging = await startReceiver();
  await using receiver = await startReceiver();
  const slow = await world.site({ callbackUrl: hanging.url });
  const quick = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [quick.secret];
  const full = createLatch('the hanging site to have its share');
  hanging.behave = () => {
    if (hanging.received.length === 4) full.open();
  };
  await using _callback = await world.start({ ...HANGING, CONCURRENCY: '8', SITE_CONCURRENCY: '4' });
  for (let times = 0; times < 20; times++) await world.result(slow);
  await full.wait();
  const results = await Promise.all(Array.from({ length: 20 }, () => world.result(quick)));
  for (const result of results) await until(result, 'acknowledged');
  assert.equal(hanging.received.length, 4);
});

test('many sites that hang take at most half of the slots: those that answer go on', async () => {
  await using hanging = await startReceiver();
  await using receiver = await startReceiver();
  hanging.behave = (_push, response) => response.destroy();
  const slow = await Promise.all(Array.from({ length: 10 }, () => world.site({ callbackUrl: hanging.url })));
  const quick = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [quick.secret];
  const bounds = { CONCURRENCY: '8', SLOW_CONCURRENCY: '0', BREAKER_FAILURES: '1000' };
  await using _callback = await world.start({ ...HANGING, ...bounds, RETRY_SCHEDULE_MS: '50,50' });
  // What each site is known for: the one acknowledged, the others failed.
  await until(await world.result(quick), 'acknowledged');
  const failed = await Promise.all(slow.map((site) => world.result(site)));
  for (const result of failed) await until(result, 'dead');
  const before = hanging.received.length;
  const full = createLatch('half of the slots to hang');
  hanging.behave = () => {
    if (hanging.received.length - before === 4) full.open();
  };
  for (const site of slow) for (let times = 0; times < 4; times++) await world.result(site);
  await full.wait();
  for (let times = 0; times < 20; times++) await until(await world.result(quick), 'acknowledged');
  assert.equal(hanging.received.length - before, 4);
});

test('a large site that answers is not held to the number of attempts it began with', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  let inFlight = 0;
  let most = 0;
  receiver.behave = (_push, _response, acknowledge) => {
    most = Math.max(most, ++inFlight);
    setTimeout(() => {
      inFlight--;
      acknowledge();
    }, 100);
  };
  const results = [];
  for (let times = 0; times < 150; times++) results.push(await world.result(site));
  await using _callback = await world.start({ SITE_CONCURRENCY: '4' });
  for (const result of results) await until(result, 'acknowledged');
  assert.ok(most > 16, `${most} at once`);
});

test('a private address is refused unless it is allowed', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  await using _callback = await world.start({ ALLOW_PRIVATE_ADDRESSES: 'false', RETRY_SCHEDULE_MS: '20' });
  const result = await world.result(site);
  await until(result, 'dead');
  assert.equal((await attemptsOf(result))[0]?.failure_code, 'address_refused');
  assert.deepEqual(receiver.received, []);
});

test('plain HTTP is refused unless it is allowed', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  await using _callback = await world.start({ ALLOW_HTTP_CALLBACKS: 'false', RETRY_SCHEDULE_MS: '20' });
  const result = await world.result(site);
  await until(result, 'dead');
  assert.equal((await attemptsOf(result))[0]?.failure_code, 'callback_url_refused');
});

test('once a failing site answers, its waiting deliveries do not wait out their delays', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response) => response.destroy();
  await using _callback = await world.start({ RETRY_SCHEDULE_MS: '600000,600000', BREAKER_FAILURES: '3' });
  const results = await Promise.all(Array.from({ length: 6 }, () => world.result(site)));
  // The later ones are probes, one at a time; the last of them finds the site well.
  await waitFor(() => receiver.received.length >= 5, { what: 'probes' });
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await world.result(site);
  for (const result of results) await until(result, 'acknowledged');
});
