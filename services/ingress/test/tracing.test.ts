import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CollectedSpan, startCollector } from '@pressferry/testing';
import { type RealProcess, startProcess } from './real-process.ts';
import { becomes, createWorld, post, secretOf, senderOf, siteRecord, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());
const collector = untilEnd(await startCollector());
const record = siteRecord();
const site = senderOf(record);
await world.put(record);

const start = (sampler: string): Promise<RealProcess> =>
  startProcess({
    NATS_URL: world.natsUrl,
    ...collector.env,
    OTEL_TRACES_SAMPLER: sampler,
    OTEL_SERVICE_NAME: 'ingress',
  });

const traceparentOf = (trace: string, flags: string): string => `00-${trace.repeat(32)}-${'b'.repeat(16)}-${flags}`;

/** Sends an event once ingress knows the site; resolves to the traceparent of its message. */
async function sendEvent(ingress: RealProcess, traceparent?: string): Promise<string> {
  await becomes(() => post(ingress, site, { headers: { traceparent } }), 202);
  return (await world.lastHeader(site.siteId, 'traceparent')) ?? '';
}

const of = (trace: string): CollectedSpan[] => collector.spans.filter(({ traceId }) => traceId === trace.repeat(32));

test('a request is one trace from its sender over its writes to its message, and the rest of it is sent at the end', async () => {
  const ingress = await start('always_on');
  const stored = await sendEvent(ingress, traceparentOf('a', '01'));
  const own = await sendEvent(ingress);
  await fetch(`${ingress.apiUrl}/ada@example.com?token=s3cret`, {
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'ada.example', 'user-agent': 'Ada/1.0' },
  });
  await fetch(`${ingress.opsUrl}/readyz`);
  assert.equal(collector.spans.length, 0);
  assert.equal(await ingress.stop(), 0);

  const spans = of('a');
  const receive = spans.findLast(({ name }) => name === 'receive event');
  const server = spans.find(({ spanId }) => spanId === receive?.parentSpanId);
  assert.equal(server?.parentSpanId, 'b'.repeat(16), 'the sender is the parent of all');
  const writes = spans.filter(({ parentSpanId }) => parentSpanId === receive?.spanId);
  assert.deepEqual(writes.map(({ name }) => name).sort(), ['publish EVENTS', 'publish REPLAY']);
  const publish = writes.find(({ name }) => name === 'publish EVENTS');
  assert.equal(stored, `00-${'a'.repeat(32)}-${publish?.spanId}-01`, 'the message is a child of the write');
  const outcome = receive?.attributes.find(({ key }) => key === 'pressferry.outcome');
  assert.equal(outcome?.value.stringValue, 'accepted');

  // A trace that begins here is the same in spans, message and log.
  const traceId = own.slice(3, 35);
  assert.ok(collector.spans.some((span) => span.traceId === traceId && span.name === 'receive event'));
  assert.ok(ingress.lines.some((line) => line.msg === 'request.handled' && line.trace_id === traceId));
  assert.doesNotMatch(collector.text(), /readyz|metrics|livez/);
});

test('spans hold no secret, token, signature or body, no address, and no text that a client is free in', () => {
  const text = collector.text();
  assert.ok(text.length > 1_000);
  assert.ok(!text.includes(secretOf(site.siteId)));
  assert.doesNotMatch(text, /sha256=|Bearer|eyJ|Hello/);
  assert.doesNotMatch(text, /203\.0\.113\.9|Ada|ada@|s3cret|127\.0\.0\.1/);
});

test('OTEL_TRACES_SAMPLER decides: nothing is sent, and the message says that it was not sampled', async () => {
  const ingress = await start('always_off');
  const stored = await sendEvent(ingress, traceparentOf('c', '01'));
  assert.equal(await ingress.stop(), 0);
  assert.deepEqual(of('c'), []);
  assert.match(stored, /^00-c{32}-[0-9a-f]{16}-00$/);
});

test('with a sampler that follows the parent, what the sender samples is sent and nothing else', async () => {
  const ingress = await start('parentbased_always_off');
  const sampled = await sendEvent(ingress, traceparentOf('d', '01'));
  const unsampled = await sendEvent(ingress, traceparentOf('e', '00'));
  assert.equal(await ingress.stop(), 0);
  assert.ok(of('d').some(({ name }) => name === 'publish EVENTS'));
  assert.match(sampled, /^00-d{32}-(?!b{16})[0-9a-f]{16}-01$/);
  assert.deepEqual(of('e'), []);
  assert.match(unsampled, /^00-e{32}-[0-9a-f]{16}-00$/);
});
