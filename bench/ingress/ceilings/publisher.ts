// A process of its own: publishes with message ids to JetStream and waits for each acknowledgement, many in flight, nothing else.
// Its own few lines over the NATS client, not the product's publisher, for that is what it is the measure of.
import { randomBytes, randomUUID } from 'node:crypto';
import { headers as createHeaders, createInbox } from '@nats-io/transport-node';
import { encodeEvent, eventMessageId, eventSubject, replaySubject, requestId } from '@pressferry/contracts';
import { openConnection } from '@pressferry/jetstream';
import { BODY_BYTES } from '../load/requests.ts';
import { benchSender } from '../load/site.ts';

/** Events on EVENTS with their headers, or token ids on REPLAY. */
export interface PublishOrder {
  what: 'event' | 'token';
  seconds: number;
  inFlight: number;
}

export interface PublishReport {
  published: number;
  seconds: number;
  /** The publishing process' own CPU time. */
  clientCpuMs: number;
}

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

function publish(what: PublishOrder['what'], reply: string): void {
  const headers = createHeaders();
  headers.set('Nats-Msg-Id', eventMessageId(siteId, randomUUID()));
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
  nats.publish(eventSubject(0, siteId, 'form.submitted'), payload, { headers, reply });
}

async function run({ what, seconds, inFlight }: PublishOrder): Promise<PublishReport> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const done = Promise.withResolvers<void>();
  let published = 0;
  let waiting = inFlight;
  const subscription = nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      const answer = error === null ? message.json<{ error?: { description: string }; duplicate?: boolean }>() : {};
      if (error !== null || answer.error !== undefined || answer.duplicate)
        return done.reject(new Error(`not stored: ${answer.error?.description ?? error?.message ?? 'duplicate'}`));
      published++;
      if (performance.now() < endMs) publish(what, message.subject);
      else if (--waiting === 0) done.resolve();
    },
  });
  for (let slot = 0; slot < inFlight; slot++) publish(what, `${inbox}.${slot}`);
  await done.promise;
  subscription.unsubscribe();
  const { user, system } = process.cpuUsage(before);
  return { published, seconds: (performance.now() - startMs) / 1000, clientCpuMs: (user + system) / 1000 };
}

process.on('message', (order: PublishOrder) => {
  void run(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit());
