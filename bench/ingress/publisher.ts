// Publishes, in a separate process, with message ids to JetStream and waits for each acknowledgement, many in flight, nothing else.
// Its own few lines over the NATS client, not the product's publisher, because that is what it is the measure of.
import { randomBytes, randomUUID } from 'node:crypto';
import { headers as createHeaders, createInbox } from '@nats-io/transport-node';
import { encodeEvent, eventMessageId, eventSubject, replaySubject, requestId } from '@pressferry/contracts';
import { openConnection } from '@pressferry/jetstream';
import { BODY_BYTES } from './load/requests.ts';
import { benchSender } from './load/site.ts';

/** Events on EVENTS with their headers, or token ids on REPLAY. */
export interface PublishOrder {
  what: 'event' | 'event-without-id' | 'token';
  seconds: number;
  inFlight: number;
  /** Ends after so many, with ids of one fixed series; without it, ids are random. */
  count?: number;
  /** Spreads events over so many streams. */
  shards?: number;
}

export interface PublishReport {
  published: number;
  seconds: number;
  /** The publishing process' own CPU time. */
  clientCpuMs: number;
  /** At least one id had been seen before. */
  isDuplicate: boolean;
}

// Before anything is awaited: the parent may be gone by then.
process.on('disconnect', () => process.exit());

const { siteId } = benchSender;
const connection = await openConnection({ url: process.argv[2] ?? '', name: 'bench-publisher' });
const { nats } = connection;
const inbox = createInbox();
const payload = encodeEvent({
  requestId: requestId(siteId, randomUUID()),
  siteId,
  eventType: 'form.submitted',
  objectRef: 'entry-1',
  idempotencyKey: randomUUID(),
  receivedAtMs: Date.now(),
  body: randomBytes(BODY_BYTES),
  mode: 'live',
});
const NOTHING = new Uint8Array(0);

/** The n-th id of the fixed series: in the form of a key, so it takes the same room. */
const fixedId = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

function publish({ what, count, shards = 1 }: PublishOrder, n: number, reply: string): void {
  const headers = createHeaders();
  const key = count === undefined ? randomUUID() : fixedId(n);
  if (what !== 'event-without-id') headers.set('Nats-Msg-Id', eventMessageId(siteId, key));
  if (what === 'token') {
    nats.publish(replaySubject(siteId), NOTHING, { headers, reply });
    return;
  }
  headers.set('ce-specversion', '1.0');
  headers.set('ce-id', '00000000-0000-5000-8000-000000000000');
  headers.set('ce-source', `pressferry:site:${siteId}`);
  headers.set('ce-type', 'form.submitted');
  headers.set('ce-time', '2026-01-01T00:00:00.000Z');
  headers.set('traceparent', '00-00000000000000000000000000000001-0000000000000001-00');
  nats.publish(eventSubject(n % shards, siteId, 'form.submitted'), payload, { headers, reply });
}

async function run(order: PublishOrder): Promise<PublishReport> {
  const { seconds, inFlight, count = Number.POSITIVE_INFINITY } = order;
  const before = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const done = Promise.withResolvers<void>();
  let sent = 0;
  let published = 0;
  let isDuplicate = false;
  const subscription = nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      const answer = error === null ? message.json<{ error?: { description: string }; duplicate?: boolean }>() : {};
      if (error !== null || answer.error !== undefined)
        return done.reject(new Error(`not stored: ${answer.error?.description ?? error?.message}`));
      isDuplicate ||= answer.duplicate === true;
      published++;
      if (performance.now() < endMs && sent < count) publish(order, sent++, message.subject);
      else if (published === sent) done.resolve();
    },
  });
  for (let slot = 0; slot < inFlight && sent < count; slot++) publish(order, sent++, `${inbox}.${slot}`);
  await done.promise;
  subscription.unsubscribe();
  const { user, system } = process.cpuUsage(before);
  const clientCpuMs = (user + system) / 1000;
  return { published, seconds: (performance.now() - startMs) / 1000, clientCpuMs, isDuplicate };
}

process.on('message', (order: PublishOrder) => {
  void run(order).then((report) => process.send?.(report));
});
