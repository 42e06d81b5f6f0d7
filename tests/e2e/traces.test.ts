import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Stack, startStack } from '@pressferry/devstack';
import { type CollectedSpan, type Collector, startCollector, waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { loadSite, quietOptions, send } from './stack.ts';

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
  stack = resources.use(await startStack({ ...options, env: { ...options.env, ...otel } }));
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
  await waitFor(() => wanted.every((name) => names().has(name)), { what: 'every span', timeoutMs: 20_000 }).catch(
    (cause: unknown) => {
      throw new Error(`there are ${[...names()].join(', ')}`, { cause });
    },
  );
  // The push tells its site of the same trace.
  assert.match(String(receiver.received[0]?.headers.traceparent), new RegExp(`^00-${traceId}-`));
});

test('each later attempt, at a vendor and at a site, links to the attempt before it', async () => {
  await vendor({ chat: [{ status: 503, times: 2 }] });
  let refused = 0;
  receiver.behave = (_push, response, acknowledge) => (refused++ < 2 ? response.writeHead(500).end() : acknowledge());
  const traceId = 'e'.repeat(32);
  const event = { event_type: 'post.published', data: stack.file.samples['post.published'] };
  const headers = { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` };
  assert.equal((await send(stack, loadSite(stack), { event, headers })).response.status, 202);
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
    assert.deepEqual(
      attempts.map(({ links = [] }) => links.map((link) => [link.traceId, link.spanId])),
      [[], ...attempts.slice(0, -1).map(({ spanId }) => [[traceId, spanId]])],
    );
  }
  // Another step is no later attempt.
  assert.deepEqual(
    spans.filter(stepsOf('tags')).map(({ links = [] }) => links.length),
    [0],
  );
});
