import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Stack, startStack } from '@pressferry/devstack';
import { type CollectedSpan, type Collector, startCollector, waitFor } from '@pressferry/testing';
import pg from 'pg';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { FAST, loadSite, quietOptions, send } from './stack.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');

let stack: Stack;
let collector: Collector;
let receiver: Receiver;
const resources = new AsyncDisposableStack();
before(async () => {
  collector = resources.use(await startCollector());
  const options = await quietOptions(resources);
  const otel = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  const callback = { ...FAST.callback, RETRY_SCHEDULE_MS: '100,100', BREAKER_FAILURES: '100' };
  const serviceEnv = { ...options.serviceEnv, callback };
  stack = resources.use(await startStack({ ...options, serviceEnv, env: { ...options.env, ...otel } }));
  const site = loadSite(stack);
  receiver = resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
});
after(() => resources.disposeAsync());

const trace = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
const vendor = (behaviours: Record<string, unknown>) =>
  fetch(`${stack.file.vendorUrl}/_sim/behaviours`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(behaviours),
  });

const inOrder = (spans: CollectedSpan[]): CollectedSpan[] =>
  spans.sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));

const attributeOf = ({ attributes }: CollectedSpan, name: string) =>
  Object.values(attributes.find(({ key }) => key === `pressferry.${name}`)?.value ?? {})[0];

const linksOf = ({ links = [] }: CollectedSpan) => links.map(({ traceId, spanId }) => [traceId, spanId]);

/** Sends an event in a trace of its own, and returns its request id. */
async function sendIn(traceId: string): Promise<string> {
  const event = { event_type: 'post.published', data: stack.file.samples['post.published'] };
  const headers = { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` };
  const { response, body } = await send(stack, loadSite(stack), { event, headers });
  assert.equal(response.status, 202, JSON.stringify(body));
  return body.request_id ?? '';
}

async function pressferry(...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, DATABASE_URL: stack.file.postgresUrl, NATS_URL: stack.file.natsUrl };
  return (await promisify(execFile)(process.execPath, [MAIN, ...args], { env })).stdout;
}

/** The spans of a name, in order, once there are so many. */
const spansOf = (traceId: string, name: string, count: number): Promise<CollectedSpan[]> =>
  waitFor(
    () => {
      const spans = trace(traceId).filter((span) => span.name === name);
      return spans.length >= count ? inOrder(spans) : undefined;
    },
    { what: `${count} spans ${name}`, timeoutMs: 60_000 },
  );

/** From the request of the site to the push of its result. */
const WAY = [
  'receive event',
  'publish EVENTS',
  'process enricher',
  'step llm',
  'publish RESULTS',
  'process callback',
  'deliver result',
];

test('one trace leads from the request of a site to the push of its result, over both streams', async () => {
  const traceId = 'c'.repeat(32);
  const event = { event_type: 'post.published', data: stack.file.samples['post.published'] };
  const sent = await send(stack, loadSite(stack), {
    event,
    headers: { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` },
  });
  assert.equal(sent.response.status, 202);
  await waitFor(() => receiver.stored.size === 1, { what: 'the result', timeoutMs: 60_000 });
  const wanted = WAY;
  const names = () => new Set(collector.spans.filter((span) => span.traceId === traceId).map(({ name }) => name));
  await waitFor(() => wanted.every((name) => names().has(name)), { what: 'every span' }).catch((cause: unknown) => {
    throw new Error(`there are ${[...names()].join(', ')}`, { cause });
  });
  // The push tells its site of the same trace.
  assert.match(String(receiver.received[0]?.headers.traceparent), new RegExp(`^00-${traceId}-`));
});

test('each later attempt, at a vendor and at a site, links to the attempt before it', async () => {
  await vendor({ chat: [{ status: 503, times: 2 }] });
  let refused = 0;
  receiver.behave = (_push, response, acknowledge) => (refused++ < 2 ? response.writeHead(500).end() : acknowledge());
  const traceId = 'e'.repeat(32);
  await sendIn(traceId);
  const stepsOf = (step: string) => (span: CollectedSpan) =>
    span.name === 'step llm' && attributeOf(span, 'step') === step;
  const isDelivery = ({ name }: CollectedSpan) => name === 'deliver result';
  const spans = await waitFor(
    () => (trace(traceId).filter(isDelivery).length >= 3 ? inOrder(trace(traceId)) : undefined),
    { what: 'three attempts at the site', timeoutMs: 60_000 },
  );
  for (const attempts of [spans.filter(stepsOf('summary')), spans.filter(isDelivery)]) {
    assert.deepEqual(
      attempts.map((span) => attributeOf(span, 'attempt')),
      [1, 2, 3],
    );
    assert.deepEqual(attempts.map(linksOf), [[], ...attempts.slice(0, -1).map(({ spanId }) => [[traceId, spanId]])]);
  }
  // Another step is no later attempt.
  assert.deepEqual(
    spans.filter(stepsOf('tags')).map(({ links = [] }) => links.length),
    [0],
  );
});

test('a run that is done again links to the attempt that failed, and so does a delivery', async () => {
  await vendor({ chat: [{ status: 400, times: 1 }] });
  const traceId = 'a'.repeat(32);
  const requestId = await sendIn(traceId);
  const [failed] = await spansOf(traceId, 'step llm', 1);
  const letter = await waitFor(
    async () =>
      (JSON.parse(await pressferry('dead', 'list', '--json')) as { number: number; request_id: string }[]).find(
        ({ request_id }) => request_id === requestId,
      ),
    { what: 'the dead letter', timeoutMs: 60_000, everyMs: 200 },
  );
  let refused = 0;
  receiver.behave = (_push, response, acknowledge) => (refused++ < 3 ? response.writeHead(500).end() : acknowledge());
  await pressferry('dead', 'replay', String(letter.number));
  const again = (await spansOf(traceId, 'step llm', 2))[1];
  assert.ok(failed !== undefined && again !== undefined);
  assert.deepEqual(linksOf(again), [[traceId, failed.spanId]]);
  assert.notEqual(attributeOf(again, 'run_id'), attributeOf(failed, 'run_id'));

  const { result_id } = await waitFor(
    () => stack.db.selectFrom('deliveries').select('result_id').where('status', '=', 'dead').executeTakeFirst(),
    { what: 'the delivery to be given up', timeoutMs: 60_000 },
  );
  await pressferry('deliveries', 'retry', result_id);
  const pushes = () => trace(traceId).filter((span) => attributeOf(span, 'result_id') === result_id);
  await waitFor(() => pushes().length === 4, { what: 'the fourth attempt', timeoutMs: 60_000 });
  const [, , last, first] = inOrder(pushes());
  assert.ok(last !== undefined && first !== undefined);
  assert.deepEqual(linksOf(first), [[traceId, last.spanId]]);
});

test('the handling of a redelivered message links to that of the delivery before, in another process', async () => {
  const traceId = 'b'.repeat(32);
  const locker = new pg.Client({ connectionString: stack.file.postgresUrl });
  locker.on('error', () => undefined);
  await locker.connect();
  await locker.query('begin');
  await locker.query('lock table event_keys in access exclusive mode');
  await sendIn(traceId);
  // Others read this table, too. Within a transaction, Postgres shows the same activity until it is told to look again.
  const waiting = `select from pg_locks join pg_stat_activity using (pid)
    where not granted and relation = 'event_keys'::regclass and query like '%store_events%'`;
  const isStoring = async (): Promise<boolean> => {
    await locker.query('select pg_stat_clear_snapshot()');
    return (await locker.query(waiting)).rowCount !== 0;
  };
  await waitFor(isStoring, { what: 'enricher to be storing the event' });
  await stack.postgres.stop();
  const before = stack.processes.get('enricher')?.pid ?? 0;
  process.kill(before, 'SIGTERM');
  await waitFor(() => ![undefined, before].includes(stack.processes.get('enricher')?.pid), {
    what: 'another enricher',
    timeoutMs: 60_000,
  });
  await stack.postgres.restart();
  const [first, second] = await spansOf(traceId, 'process enricher', 2);
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual([attributeOf(first, 'delivery'), attributeOf(second, 'delivery')], [1, 2]);
  assert.deepEqual([linksOf(first), linksOf(second)], [[], [[traceId, first.spanId]]]);
});
