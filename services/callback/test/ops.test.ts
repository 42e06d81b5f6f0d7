import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { waitFor } from '@pressferry/testing';
import { pino } from 'pino';
import { startReceiver } from './receiver.ts';
import { createWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

test('metrics count what happened, under closed labels, and logs carry no secret, payload or query', async () => {
  await using receiver = await startReceiver();
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const site = await world.site({ callbackUrl: `${receiver.url}&key=query-secret` });
  receiver.secrets = [site.secret];
  let isFirst = true;
  receiver.behave = (_push, response, acknowledge) => {
    if (!isFirst) return acknowledge();
    isFirst = false;
    response.writeHead(403, { 'content-type': 'text/html' }).end('<p>answer-secret</p>');
  };
  await using callback = await world.start({}, { logger: pino({ level: 'debug' }, sink) });
  const result = await world.result(site, { output: { note: 'payload-secret' } });
  await waitFor(async () => (await world.status(result.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
  const token = world.token(site);
  await fetch(`${callback.apiUrl}/results`, { headers: { authorization: `Bearer ${token}` } });

  const text = await waitFor(
    async () => {
      const page = await (await fetch(`${callback.opsUrl}/metrics`)).text();
      return page.includes('deliveries_total{outcome="acknowledged"} 1') ? page : undefined;
    },
    { what: 'the metrics' },
  );
  for (const line of [
    'pressferry_callback_results_total{outcome="stored"} 1',
    'pressferry_callback_attempts_total{outcome="retry",code="html_answer"} 1',
    'pressferry_callback_attempts_total{outcome="acknowledged",code="none"} 1',
    'pressferry_callback_polls_total{outcome="answered"} 1',
    'pressferry_callback_database_up 1',
    'pressferry_callback_due_deliveries',
    'pressferry_callback_oldest_due_delivery_age_seconds',
    'pressferry_callback_attempt_seconds_count{outcome="acknowledged"} 1',
  ]) {
    assert.ok(text.includes(line), line);
  }
  assert.ok(!text.includes(site.siteId));

  const log = lines.join('');
  const attempts = lines.filter((line) => line.includes('"delivery.attempted"')).map((line) => JSON.parse(line));
  assert.deepEqual(
    attempts.map(({ attempt, outcome, code, status }) => [attempt, outcome, code, status]),
    [
      [1, 'retry', 'html_answer', 403],
      [2, 'acknowledged', undefined, 200],
    ],
  );
  assert.ok(log.includes('results.polled'));
  for (const secret of ['payload-secret', 'answer-secret', 'query-secret', site.secret, token]) {
    assert.ok(!log.includes(secret), secret);
  }
});

test('the process is ready once NATS and the sites are there', async () => {
  await using callback = await world.start();
  const ready = async (): Promise<boolean> => (await fetch(`${callback.opsUrl}/readyz`)).status === 200;
  await waitFor(ready, { what: 'readiness' });
  assert.equal((await fetch(`${callback.opsUrl}/livez`)).status, 200);
});

test('the age of keys is that of the site that has not rotated for longest, by its newest secret; a disabled site does not count', async () => {
  await using own = await createWorld();
  const [old, disabled] = [await own.site(), await own.site()];
  const age = (siteId: string, days: number, table: 'site_keys' | 'site_secrets') =>
    own.db
      .updateTable(table)
      .set({ created_at: new Date(Date.now() - days * 86_400_000) })
      .where('site_id', '=', siteId)
      .execute();
  for (const table of ['site_keys', 'site_secrets'] as const) await age(old.siteId, 100, table);
  await age(disabled.siteId, 300, 'site_secrets');
  await own.db.updateTable('sites').set({ status: 'disabled' }).where('site_id', '=', disabled.siteId).execute();
  await using callback = await own.start();
  const days = await waitFor(
    async () => {
      const page = await (await fetch(`${callback.opsUrl}/metrics`)).text();
      const [secret, key] = ['secret', 'key'].map((what) =>
        Number(new RegExp(`^pressferry_callback_oldest_site_${what}_age_seconds (\\S+)$`, 'm').exec(page)?.[1]),
      );
      return secret !== 0 ? [secret, key] : undefined;
    },
    { what: 'the ages' },
  );
  for (const seconds of days) assert.ok(Math.abs((seconds ?? 0) - 100 * 86_400) < 60, `${seconds} s`);
});

test('a site that used to report and has not for a day is counted as silent', async () => {
  await using own = await createWorld();
  const [silent, fresh] = [await own.site(), await own.site()];
  const heard = { home_url: silent.issuer, report: '{}' };
  await own.db
    .insertInto('site_heartbeats')
    .values([
      { ...heard, site_id: silent.siteId, received_at: new Date(Date.now() - 25 * 3_600_000) },
      { ...heard, site_id: fresh.siteId, received_at: new Date() },
    ])
    .execute();
  await using callback = await own.start();
  await waitFor(
    async () => {
      const page = await (await fetch(`${callback.opsUrl}/metrics`)).text();
      return /^pressferry_callback_silent_sites 1$/m.test(page) || undefined;
    },
    { what: 'the count' },
  );
});
