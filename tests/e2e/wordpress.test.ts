import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readTimeline, shortcoming } from '@pressferry/admin';
import { CACHE_DIR, type Demo, followObject, startDemo } from '@pressferry/devstack';
import { type Collector, startCollector, waitFor } from '@pressferry/testing';
import type { LedgerView } from '@pressferry/vendor-simulator';
import { quietOptions } from './stack.ts';

// 400 MB are not fetched by surprise: `make test`, `make demo` or the variable below bring them.
const skip =
  existsSync(join(CACHE_DIR, 'playground/installed')) || process.env.PRESSFERRY_INSTALL_PLAYGROUND
    ? false
    : 'Playground is not installed; set PRESSFERRY_INSTALL_PLAYGROUND=1 to install it';
const options = { skip, timeout: 300_000 };

let demo: Demo;
let collector: Collector;
const resources = new AsyncDisposableStack();
before(async () => {
  if (skip) return;
  collector = resources.use(await startCollector());
  const quiet = await quietOptions(resources);
  Object.assign(quiet.env, collector.env, { OTEL_BSP_SCHEDULE_DELAY: '200' });
  try {
    demo = resources.use(await startDemo({ ...quiet, retryBaseMs: 200, cronIntervalMs: 2_000 }));
  } catch (cause) {
    throw new Error(`the demo did not start:\n${quiet.lines.join('\n')}`, { cause });
  }
});
after(() => resources.disposeAsync());

const follow = async (objectRef: string) => {
  const { stack, siteId, wordpress } = demo;
  const followed = { db: stack.db, siteId, askSite: wordpress.status };
  const timeline = await followObject(followed, objectRef, {
    deadlineMs: 90_000,
    signal: new AbortController().signal,
  });
  assert.ok(timeline);
  return timeline;
};

/** Waits until an object's event is stored; resolves to its request id. */
async function stored(objectRef: string): Promise<string> {
  const query = demo.stack.db.selectFrom('events').select('request_id').where('object_ref', '=', objectRef);
  // A WordPress that was stopped while it sent leaves a lease of 15 s; while it ran WP-Cron, WordPress' own lock of 60 s.
  const what = { what: 'the event to be stored', timeoutMs: 75_000 };
  return (await waitFor(() => query.executeTakeFirst(), what)).request_id;
}

const vendor = (path: string, init?: RequestInit) => fetch(`${demo.stack.file.vendorUrl}/_sim/${path}`, init);

test('a post published in WordPress comes back as a summary that its editor shows', options, async () => {
  const { postId, editUrl } = await demo.wordpress.publishPost({
    title: 'The ferry to Hiiumaa',
    content: '<p>It takes an hour and a quarter, with soup above.</p>',
  });
  const timeline = await follow(String(postId));
  assert.equal(shortcoming(timeline), undefined);
  const { event, runs } = timeline;
  const [run] = runs;
  assert.deepEqual(
    [event.event_type, runs.length, run?.automation, run?.steps.length],
    ['post.published', 1, 'summarize-post', 2],
  );

  const { events, results } = await demo.wordpress.status({ idempotencyKey: event.idempotency_key });
  assert.deepEqual([events.length, events[0]?.status, events[0]?.request_id], [1, 'sent', event.request_id]);
  assert.deepEqual(
    results.map(({ result_id, request_id, status }) => ({ result_id, request_id, status })),
    [{ result_id: run?.result?.result_id, request_id: event.request_id, status: 'succeeded' }],
  );

  const { entries } = (await (await vendor('ledger')).json()) as LedgerView;
  const trace = event.traceparent?.split('-')[1];
  assert.equal(entries.length, 2);
  for (const { traceparent } of entries) assert.equal(traceparent?.split('-')[1], trace);

  const editor = await showToAdmin(editUrl);
  assert.match(editor, /summarize-post/);
  assert.match(editor, /\[simulated\] Summary of \d+ words/);
});

test('WordPress down: the delivery is retried, and arrives once it is back', options, async () => {
  await vendor('behaviours', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ chat: [{ latencyMs: 1_500 }] }),
  });
  const { db } = demo.stack;
  const { postId } = await demo.wordpress.publishPost({ title: 'Fog', content: '<p>The ferry waits.</p>' });
  const objectRef = String(postId);
  const requestId = await stored(objectRef);
  await demo.wordpress.stop();
  await waitFor(async () => ((await readTimeline(db, requestId))?.runs[0]?.attempts.length ?? 0) >= 2, {
    what: 'two attempts to fail',
  });
  await demo.wordpress.restart();
  const timeline = await follow(objectRef);
  assert.equal(shortcoming(timeline), undefined);
  const outcomes = timeline.runs[0]?.attempts.map(({ outcome }) => outcome) ?? [];
  assert.deepEqual([outcomes[0], outcomes[1], outcomes.at(-1)], ['retry', 'retry', 'acknowledged']);
  await isOneTrace(timeline.event.idempotency_key, outcomes.length);
  const { results } = await demo.wordpress.status({ objectRef });
  assert.equal(results.length, 1);
});

/** That one trace, named by the key that WordPress shows, leads from the plugin's request to the acknowledgement, over every attempt. */
async function isOneTrace(key: string, attempts: number): Promise<void> {
  const traceId = key.replaceAll('-', '');
  const trace = () => collector.spans.filter((span) => span.traceId === traceId);
  const deliveries = await waitFor(
    () => {
      const found = trace().filter(({ name }) => name === 'deliver result');
      return found.length >= attempts ? found : undefined;
    },
    { what: 'a span of each attempt' },
  );
  const ids = new Set(trace().map(({ spanId }) => spanId));
  const roots = trace().filter(({ parentSpanId = '' }) => !ids.has(parentSpanId));
  assert.equal(roots.length, 1, 'the request of the plugin begins it');
  assert.match(String(roots[0]?.parentSpanId), /^[0-9a-f]{16}$/);
  const linked = deliveries.flatMap(({ links = [] }) => links.map(({ spanId }) => spanId));
  assert.equal(linked.length, attempts - 1);
  assert.ok(linked.every((id) => deliveries.some(({ spanId }) => spanId === id)));
  const last = deliveries.find(({ spanId }) => !linked.includes(spanId));
  const status = last?.attributes.find(({ key: name }) => name === 'http.response.status_code');
  assert.equal(status?.value.intValue, 200, 'the acknowledgement ends it');
}

test('a WordPress that dies in the demo is started again, on its address and with what it had', options, async () => {
  const { wordpress } = demo;
  const { pid } = wordpress;
  const { postId } = await wordpress.publishPost({ title: 'Ice', content: '<p>The strait is frozen.</p>' });
  const objectRef = String(postId);
  await stored(objectRef);
  process.kill(pid, 'SIGKILL');
  const again = async () => (wordpress.pid === pid ? undefined : await wordpress.status({ objectRef }));
  const { events } = await waitFor(again, { what: 'WordPress to answer again', timeoutMs: 60_000 });
  assert.equal(events[0]?.object_ref, objectRef);
  assert.equal(shortcoming(await follow(objectRef)), undefined);
});

/** Logs in as the administrator, as a browser does, and returns a page of the dashboard. */
async function showToAdmin(pageUrl: string): Promise<string> {
  const { url, adminUser, adminPassword } = demo.wordpress;
  const login = await fetch(`${url}/wp-login.php`, {
    method: 'POST',
    headers: { cookie: 'wordpress_test_cookie=WP%20Cookie%20check' },
    body: new URLSearchParams({ log: adminUser, pwd: adminPassword, testcookie: '1' }),
    redirect: 'manual',
  });
  assert.equal(login.status, 302, 'the login is accepted');
  const cookie = login.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
  const page = await fetch(pageUrl, { headers: { cookie }, redirect: 'manual' });
  assert.equal(page.status, 200);
  return page.text();
}
