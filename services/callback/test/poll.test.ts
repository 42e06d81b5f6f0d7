import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { ResultsPage } from '@pressferry/contracts';
import { rsaKeyPair, signedToken, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { lockResults } from '../src/db/lock-results.ts';
import { encodeCursor } from '../src/routes/cursor.ts';
import { startReceiver } from './receiver.ts';
import { createWorld, type TestSite, type World, waiting, waitsForResults } from './world.ts';

let world: World;
let callback: Awaited<ReturnType<World['start']>>;
before(async () => {
  world = await createWorld();
  callback = await world.start({ RATE_LIMIT_SITE_BURST: '1000' });
});
after(async () => {
  await callback[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const get = (path: string, token?: string): Promise<Response> =>
  fetch(`${callback.apiUrl}${path}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

/** Waits until callback knows the site: a test registers it a moment before. */
async function registered(members?: Parameters<World['site']>[0]): Promise<TestSite> {
  const site = await world.site(members);
  const known = async (): Promise<boolean> => (await get('/results/x', world.token(site))).status !== 401;
  await waitFor(known, { what: 'callback to read the site' });
  return site;
}

async function poll(site: TestSite, query = ''): Promise<ResultsPage> {
  const response = await get(`/results${query}`, world.token(site));
  assert.equal(response.status, 200);
  return (await response.json()) as ResultsPage;
}

const idsIn = ({ results }: ResultsPage): string[] => results.map(({ result_id }) => result_id);

async function refusal(response: Response): Promise<[number, string]> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const { status, code } = (await response.json()) as { status: number; code: string };
  assert.equal(response.status, status);
  return [status, code];
}

test('a site that polls gets each of its results once, in order, page by page', async () => {
  const site = await registered();
  const results = [];
  for (let times = 0; times < 5; times++) results.push(await world.result(site));
  const pages: ResultsPage[] = [];
  let since = '';
  do {
    const page = await poll(site, `?limit=2${since}`);
    pages.push(page);
    since = `&since=${page.cursor}`;
  } while (pages.at(-1)?.has_more);
  assert.deepEqual(
    pages.flatMap(idsIn),
    results.map(({ resultId }) => resultId),
  );
  assert.deepEqual(
    pages.map(({ has_more }) => has_more),
    [true, true, false],
  );
  const end = await poll(site, `?limit=2${since}`);
  assert.deepEqual(end, { results: [], cursor: pages.at(-1)?.cursor, has_more: false });
});

test('an entry is the body of the push without sent_at', async () => {
  const site = await registered();
  const { resultId, requestId } = await world.result(site);
  const [entry] = (await poll(site)).results;
  assert.deepEqual(Object.keys(entry ?? {}), [
    'result_id',
    'request_id',
    'idempotency_key',
    'event_type',
    'object_ref',
    'automation',
    'status',
    'output',
    'completed_at',
  ]);
  assert.equal(entry?.result_id, resultId);
  assert.equal(entry.request_id, requestId);
});

test('a polled result is not pushed', async () => {
  await using receiver = await startReceiver();
  const site = await registered({ callbackUrl: receiver.url, status: 'paused' });
  receiver.secrets = [site.secret];
  const held = await world.result(site);
  await waitFor(async () => (await world.status(held.resultId)) === 'held', { what: 'the delivery to be held' });
  const unannounced = await world.result(site, { publish: false });
  assert.deepEqual(idsIn(await poll(site)), [held.resultId, unannounced.resultId]);
  assert.equal(await world.status(held.resultId), 'polled');
  assert.equal(await world.status(unannounced.resultId), 'polled');

  await world.db.updateTable('sites').set({ status: 'active' }).where('site_id', '=', site.siteId).execute();
  await world.republish(site.siteId);
  await world.publish(unannounced);
  const next = await world.result(site);
  await waitFor(async () => (await world.status(next.resultId)) === 'acknowledged', { what: 'the next delivery' });
  assert.deepEqual(
    receiver.received.map(({ resultId }) => resultId),
    [next.resultId],
  );
});

test('a poll that races a push: the first of them ends the delivery, the other changes nothing', async () => {
  await using receiver = await startReceiver();
  const site = await registered({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  let answer = (): void => undefined;
  receiver.behave = (_push, _response, acknowledge) => {
    answer = acknowledge;
  };
  const result = await world.result(site);
  await waitFor(() => receiver.received.length === 1, { what: 'the push to be in flight' });
  assert.deepEqual(idsIn(await poll(site)), [result.resultId]);
  answer();
  const attempts = () => world.db.selectFrom('attempts').selectAll().where('result_id', '=', result.resultId).execute();
  await waitFor(async () => (await attempts()).length === 1, { what: 'the attempt to be recorded' });
  assert.equal(await world.status(result.resultId), 'polled');

  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  const other = await world.result(site);
  await waitFor(async () => (await world.status(other.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
  assert.deepEqual(idsIn(await poll(site)), [result.resultId, other.resultId]);
  assert.equal(await world.status(other.resultId), 'acknowledged');
});

test('the results of one event are found by its request id, and only by its site', async () => {
  const [site, stranger] = [await registered(), await registered()];
  const idempotencyKey = randomUUID();
  const one = await world.result(site, { idempotencyKey, automation: 'one' });
  const two = await world.result(site, { idempotencyKey, automation: 'two' });
  const response = await get(`/results/${one.requestId.toUpperCase()}`, world.token(site));
  const { request_id, results } = (await response.json()) as ResultsPage & { request_id: string };
  assert.equal(request_id, one.requestId);
  assert.deepEqual(
    results.map(({ result_id }) => result_id),
    [one.resultId, two.resultId],
  );
  await waitFor(async () => (await world.status(two.resultId)) === 'polled', { what: 'the delivery to be polled' });

  assert.deepEqual(await refusal(await get(`/results/${one.requestId}`, world.token(stranger))), [
    404,
    'result_unknown',
  ]);
  assert.deepEqual(await refusal(await get(`/results/${randomUUID()}`, world.token(site))), [404, 'result_unknown']);
  assert.deepEqual(idsIn(await poll(stranger)), []);
});

test('a delivery that is being made while its result is polled ends as polled', async () => {
  const site = await registered();
  const result = await world.result(site, { publish: false });
  let isAnswered = false;
  const answered = await world.db.transaction().execute(async (tx) => {
    const place = await tx
      .selectFrom('results')
      .select(['result_id', sql<string>`filed_at::text`.as('filed_at')])
      .where('result_id', '=', result.resultId)
      .executeTakeFirstOrThrow();
    await lockResults(tx, [place]);
    await tx.insertInto('open_deliveries').values(waiting(result)).execute();
    const answer = get(`/results/${result.requestId}`, world.token(site)).finally(() => {
      isAnswered = true;
    });
    await waitFor(async () => isAnswered || (await waitsForResults(world.db)), { what: 'the poll to wait' });
    return { answer };
  });
  assert.equal((await answered.answer).status, 200);
  const open = await world.db
    .selectFrom('open_deliveries')
    .select('result_id')
    .where('result_id', '=', result.resultId)
    .execute();
  assert.deepEqual(open, []);
  assert.equal(await world.status(result.resultId), 'polled');
});

test("a cursor of another site shows nothing of that site's", async () => {
  const [site, stranger] = [await registered(), await registered()];
  await world.result(site);
  const { cursor } = await poll(site);
  await world.result(site);
  assert.deepEqual(idsIn(await poll(stranger, `?since=${cursor}`)), []);
});

test('a token serves once', async () => {
  const site = await registered();
  const token = world.token(site);
  assert.equal((await get('/results', token)).status, 200);
  const response = await get('/results', token);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer');
  assert.deepEqual(await refusal(response), [401, 'token_replayed']);
});

test('a token that ingress has taken serves no poll', async () => {
  const site = await registered();
  const jti = randomUUID();
  await world.publisher.publish(`pf.jti.${site.siteId}`, new Uint8Array(), { 'Nats-Msg-Id': `${site.siteId}:${jti}` });
  const { kid, privateKey } = rsaKeyPair(0);
  const token = signedToken({ ...site, kid, alg: 'RS256', privateKey }, { claims: { jti } });
  assert.deepEqual(await refusal(await get('/results', token)), [401, 'token_replayed']);
});

test('what is not in order is refused with its own code', async () => {
  const site = await registered();
  const disabled = await registered({ status: 'disabled' });
  const { kid, privateKey } = rsaKeyPair(0);
  const sender = { ...site, kid, alg: 'RS256', privateKey } as const;
  const wrongKey = signedToken({ ...sender, privateKey: rsaKeyPair(1).privateKey });
  const cases: [string, string | undefined, number, string][] = [
    ['/results', undefined, 401, 'token_missing'],
    ['/results', 'nonsense', 401, 'token_malformed'],
    ['/results', wrongKey, 401, 'token_signature_invalid'],
    ['/results', signedToken(sender, { claims: { aud: 'elsewhere' } }), 401, 'token_audience_mismatch'],
    ['/results', signedToken(sender, { claims: { sub: 'nobody' } }), 401, 'site_unknown'],
    ['/results', signedToken(sender, { nowMs: Date.now() - 3_600_000 }), 401, 'token_expired'],
    ['/results', world.token(disabled), 403, 'site_disabled'],
    ['/results?since=nonsense', world.token(site), 400, 'parameter_invalid'],
    ['/results?limit=0', world.token(site), 400, 'parameter_invalid'],
    ['/results?limit=201', world.token(site), 400, 'parameter_invalid'],
    ['/results?limit=5&limit=6', world.token(site), 400, 'parameter_invalid'],
    [`/results?since=${encodeCursor({ xid: 2n ** 60n, ordinal: 1n })}`, world.token(site), 400, 'parameter_invalid'],
    ['/results/no-uuid', world.token(site), 400, 'parameter_invalid'],
    ['/nothing', undefined, 404, 'not_found'],
    ['/results/a/b', undefined, 404, 'not_found'],
  ];
  for (const [path, token, status, code] of cases) {
    assert.deepEqual(await refusal(await get(path, token)), [status, code], path);
  }
  const post = await fetch(`${callback.apiUrl}/results`, { method: 'POST' });
  assert.equal(post.headers.get('allow'), 'GET');
  assert.deepEqual(await refusal(post), [405, 'method_not_allowed']);
});

test('a site that polls too often is told when to come back; others are not held', async () => {
  const site = await registered({ settings: { rate_limit: { per_minute: 2, burst: 5 } } });
  const statuses: number[] = [];
  for (let times = 0; times < 6; times++) statuses.push((await get('/results', world.token(site))).status);
  const response = await get('/results', world.token(site));
  const seconds = Number(response.headers.get('retry-after'));
  assert.ok(statuses.filter((status) => status === 200).length <= 5);
  assert.ok(seconds > 0 && seconds <= 30, `Retry-After: ${seconds}`);
  assert.deepEqual(await refusal(response), [429, 'rate_limited_site']);
  assert.equal((await get('/results', world.token(await registered()))).status, 200);
});

test('the limit of a site that polls holds over all replicas', async () => {
  const site = await registered({ settings: { rate_limit: { per_minute: 1, burst: 4 } } });
  await using other = await world.start();
  const startMs = performance.now();
  const statuses: number[] = [];
  for (let times = 0; times < 6; times++) {
    for (const url of [callback.apiUrl, other.apiUrl]) {
      const headers = { authorization: `Bearer ${world.token(site)}` };
      statuses.push((await fetch(`${url}/results`, { headers })).status);
    }
  }
  const earned = (performance.now() - startMs) / 60_000;
  const allowed = statuses.filter((status) => status === 200).length;
  // One token was spent on learning that the site is known.
  assert.ok(allowed >= 1 && allowed <= 3 + earned, `${allowed} polls allowed: ${statuses.join(' ')}`);
  assert.deepEqual([...new Set(statuses)].sort(), [200, 429]);
});
