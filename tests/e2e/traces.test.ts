import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Stack, startStack } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { type Collector, startCollector } from '../../services/ingress/test/collector.ts';
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
