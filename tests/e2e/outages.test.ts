import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readTimeline } from '@pressferry/admin';
import type { Stack, StackSite } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import type { Behaviours, LedgerView } from '@pressferry/vendor-simulator';
import { loadSite, pollResults, send, startQuietStack } from './stack.ts';

const SLOW = { everyMs: 25 };

let stack: Stack;
let site: StackSite;
const resources = new AsyncDisposableStack();
before(async () => {
  stack = await startQuietStack(resources);
  site = loadSite(stack);
});
after(() => resources.disposeAsync());

const article = (title: string) => ({
  event: { event_type: 'post.published', object_ref: title, data: { ...stack.file.samples['post.published'], title } },
});

async function accepted(title: string): Promise<string> {
  const { response, body } = await send(stack, site, article(title));
  assert.equal(response.status, 202, JSON.stringify(body));
  return body.request_id ?? '';
}

const finishedRun = async (requestId: string) =>
  waitFor(
    async () => {
      const run = (await readTimeline(stack.db, requestId))?.runs[0];
      return run?.result === undefined ? undefined : run;
    },
    { what: 'the run to have a result', ...SLOW },
  );

const behave = (behaviours: Behaviours) =>
  fetch(`${stack.file.vendorUrl}/_sim/behaviours`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(behaviours),
  });

const ledger = async () => (await (await fetch(`${stack.file.vendorUrl}/_sim/ledger`)).json()) as LedgerView;

test('an accepted event becomes a result that its site can poll, through three processes', async () => {
  const requestId = await accepted('calm weather');
  const run = await finishedRun(requestId);
  assert.equal(run.status, 'succeeded');
  const polled = await pollResults(stack, site, requestId);
  assert.equal(polled.status, 200);
  assert.match(polled.text, /"automation":"summarize-post","status":"succeeded".*\[simulated\] Summary/);
});

test('NATS down: ingress answers 503 with Retry-After in under 2 s, and accepts again by itself when it is back', async () => {
  await stack.nats.stop();
  try {
    const tookMs: number[] = [];
    for (let times = 0; times < 3; times++) {
      const { response, body, ...sent } = await send(stack, site, article('storm'));
      tookMs.push(sent.tookMs);
      assert.equal(response.status, 503, JSON.stringify(body));
      assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
    // A machine that stalls makes one slow, not all of them.
    assert.ok(Math.min(...tookMs) < 2_000, `${tookMs} ms`);
  } finally {
    await stack.nats.restart();
  }
  const { request } = await waitFor(
    async () => {
      const sent = await send(stack, site, article('after the storm'));
      return sent.response.status === 202 ? sent : undefined;
    },
    { what: 'ingress to accept again', ...SLOW },
  );
  const stored = await waitFor(
    () =>
      stack.db
        .selectFrom('events')
        .select('request_id')
        .where('idempotency_key', '=', request.idempotencyKey)
        .executeTakeFirst(),
    { what: 'enricher to go on', ...SLOW },
  );
  assert.equal((await finishedRun(stored.request_id)).status, 'succeeded');
  for (const url of Object.values(stack.file.opsUrls))
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: `${url} to be ready again`, ...SLOW });
});

test('Postgres down: ingress accepts anyway; enricher and callback catch up when it is back', async () => {
  await stack.postgres.stop();
  const requestIds: string[] = [];
  try {
    for (let number = 0; number < 5; number++) requestIds.push(await accepted(`dark night ${number}`));
    assert.equal((await pollResults(stack, site, requestIds[0] ?? '')).status, 503);
  } finally {
    await stack.postgres.restart();
  }
  for (const requestId of requestIds) {
    assert.equal((await finishedRun(requestId)).status, 'succeeded');
    const polled = await waitFor(
      async () => {
        const answer = await pollResults(stack, site, requestId);
        return answer.status === 503 ? undefined : answer;
      },
      { what: 'callback to answer polls again', ...SLOW, everyMs: 250 },
    );
    assert.equal(polled.status, 200, polled.text);
  }
});

test('a vendor that answers 500 three times and then 200 brings one result, its attempts stored', async () => {
  await behave({ chat: [{ status: 500, times: 3 }] });
  const requestId = await accepted('a broken vendor');
  const run = await finishedRun(requestId);
  assert.equal(run.status, 'succeeded');
  const attempts = await stack.db
    .selectFrom('step_attempts')
    .select(['attempt', 'outcome', 'status_code'])
    .where('run_id', '=', run.run_id)
    .where('position', '=', 0)
    .orderBy('attempt')
    .execute();
  assert.deepEqual(
    attempts.map(({ outcome, status_code }) => [outcome, status_code]),
    [...Array.from({ length: 3 }, () => ['retry', 500]), ['succeeded', 200]],
  );
});

test('an enricher that is killed in the middle of a step is started again and finishes it, one effect a step', async () => {
  await behave({ idempotent: true, chat: [{ hang: true, effect: true }] });
  const { calls } = await ledger();
  const requestId = await accepted('a lost worker');
  await waitFor(async () => (await ledger()).calls > calls, { what: 'the step to be in flight', ...SLOW });
  const before = stack.processes.get('enricher')?.pid ?? 0;
  process.kill(before, 'SIGKILL');
  assert.equal((await finishedRun(requestId)).status, 'succeeded');
  assert.notEqual(stack.processes.get('enricher')?.pid, before);
  assert.equal((await ledger()).keysWithRepeatedEffects, 0);
});
