import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { registerSite } from '@pressferry/registry';
import { waitFor } from '@pressferry/testing';
import { pino } from 'pino';
import { startReceiver } from './receiver.ts';
import { createWorld, type TestResult, type World } from './world.ts';

const DAY_MS = 24 * 3_600_000;

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

const attemptsOf = (result: TestResult) =>
  world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).orderBy('attempt').execute();

const stoppedAt = async (siteId: string): Promise<Date | null> =>
  (await world.db.selectFrom('sites').selectAll().where('site_id', '=', siteId).executeTakeFirstOrThrow())
    .callback_stopped_at;

test('a 410 that the site signed stops the endpoint, and its results wait for a poll or for a new URL', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const body = JSON.stringify({ code: 'gone' });
  const signature = `sha256=${createHmac('sha256', site.secret).update(body).digest('hex')}`;
  receiver.behave = (_push, response) => response.writeHead(410, { 'x-signature': signature }).end(body);
  await using _callback = await world.start();
  const first = await world.result(site);
  await until(first, 'held');
  const second = await world.result(site);
  await until(second, 'held');
  assert.equal(receiver.received.length, 1);
  assert.ok(await stoppedAt(site.siteId));
  assert.equal((await attemptsOf(first))[0]?.outcome, 'stopped');

  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  const callbackUrl = receiver.url.replace('site=1', 'site=2');
  await registerSite(world.db, { siteId: site.siteId, issuer: site.issuer, callbackUrl });
  await world.republish(site.siteId);
  await until(first, 'acknowledged');
  await until(second, 'acknowledged');
});

test('410s that no one signed, as a host or a CDN says them, stop nothing: the result is tried again', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response, acknowledge) => {
    if (receiver.received.length > 3) return acknowledge();
    response.writeHead(410, { 'content-type': 'text/html' }).end('<h1>Gone</h1>');
  };
  await using _callback = await world.start();
  const result = await world.result(site);
  await until(result, 'acknowledged');
  assert.equal(await stoppedAt(site.siteId), null);
  const codes = (await attemptsOf(result)).map(({ failure_code }) => failure_code);
  assert.deepEqual(codes.slice(0, 3), ['gone_unsigned', 'gone_unsigned', 'gone_unsigned']);
});

test('an unsigned 410 that is still there after a day holds the pushes and calls a person, also when callback was restarted meanwhile', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response) => response.writeHead(410).end();
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const env = { RETRY_SCHEDULE_MS: Array.from({ length: 50 }, () => '20').join(',') };
  const result = await (async () => {
    await using _callback = await world.start(env, { now });
    const waiting = await world.result(site);
    await waitFor(() => receiver.received.length >= 2, { what: 'the first answers' });
    return waiting;
  })();
  assert.equal(await stoppedAt(site.siteId), null);

  aheadMs = DAY_MS + 1_000;
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  await using callback = await world.start(env, { now, logger: pino(sink) });
  await until(result, 'held');
  assert.ok(await stoppedAt(site.siteId));
  const alert = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'endpoint.stopped');
  assert.deepEqual([alert.level, alert.site_id, alert.code], [50, site.siteId, 'gone_unsigned']);
  const metrics = await (await fetch(`${callback.opsUrl}/metrics`)).text();
  assert.match(metrics, /endpoints_stopped_total\{reason="gone_unsigned"\} 1/);
});
