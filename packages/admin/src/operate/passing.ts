import { DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { decodeDeadLetter, decodeResult, siteOfSubject } from '@pressferry/contracts';
import type { NatsConnection } from '@pressferry/jetstream';

/** A message without its content. */
export interface Passing {
  at: string;
  what: 'event' | 'result' | 'dead letter';
  site_id: string;
  request_id: string | null;
  event_type: string | null;
  /** Of a dead letter: who gave it up, and why. */
  stage: string | null;
  reason: string | null;
}

export interface PassingFilter {
  site?: string | undefined;
  type?: string | undefined;
}

export interface Follower {
  signal: AbortSignal;
  onPassing: (passing: Passing) => void;
  /** Called once no later message will be missed. */
  onWatching: () => void;
}

/** Events remembered to label their results by type. */
const REMEMBERED = 50_000;
const EVENTS = /^EVENTS(_\d+)?$/;

/** Reports each event, result and dead letter from `onWatching` on. Rejects if a stream is missing. */
export async function followPassing(
  nats: NatsConnection,
  { site = '*', type }: PassingFilter,
  { signal, onPassing, onWatching }: Follower,
): Promise<void> {
  const types = new Map<string, string>();
  const told = (passing: Passing): void => {
    if (passing.what === 'event' && passing.request_id !== null && passing.event_type !== null)
      remember(types, passing.request_id, passing.event_type);
    const event_type = passing.event_type ?? types.get(passing.request_id ?? '') ?? null;
    if (type === undefined || event_type === type) onPassing({ ...passing, event_type });
  };
  const events = await eventStreams(nats);
  if (events.length === 0) throw new Error('there is no stream EVENTS: pressferry streams apply');
  const open = async (stream: string, subject: string, read: (message: JsMsg) => Passing) => ({
    read,
    messages: await openStream(nats, stream, { subject, headersOnly: read === readEvent }),
  });
  const opened = await Promise.all([
    ...events.map((stream) => open(stream, `pf.event.*.${site}.>`, readEvent)),
    open('RESULTS', `pf.result.*.${site}`, readResult),
    open('DEADLETTERS', `pf.dead.*.${site}`, readLetter),
  ]);
  const stop = (): void => {
    for (const { messages } of opened) messages.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  onWatching();
  await Promise.all(
    opened.map(async ({ messages, read }) => {
      for await (const message of messages) told(read(message));
    }),
  );
}

function remember(types: Map<string, string>, requestId: string, eventType: string): void {
  if (types.size >= REMEMBERED) for (const oldest of types.keys()) if (types.delete(oldest)) break;
  types.set(requestId, eventType);
}

async function eventStreams(nats: NatsConnection): Promise<string[]> {
  const manager = await jetstreamManager(nats);
  const names: string[] = [];
  for await (const name of manager.streams.names()) if (EVENTS.test(name)) names.push(name);
  return names;
}

async function openStream(
  nats: NatsConnection,
  stream: string,
  { subject, headersOnly }: { subject: string; headersOnly: boolean },
) {
  try {
    const options = { filter_subjects: [subject], deliver_policy: DeliverPolicy.New, headers_only: headersOnly };
    const consumer = await jetstream(nats).consumers.get(stream, options);
    return await consumer.consume();
  } catch (cause) {
    throw new Error(`the stream ${stream} cannot be read: pressferry streams apply`, { cause });
  }
}

const atOf = (message: JsMsg): string => message.time.toISOString();

const readEvent = (message: JsMsg): Passing => ({
  at: atOf(message),
  what: 'event',
  site_id: siteOfSubject(message.subject),
  request_id: message.headers?.get('ce-id') || null,
  event_type: message.headers?.get('ce-type') || null,
  stage: null,
  reason: null,
});

function readResult(message: JsMsg): Passing {
  const { requestId } = decodeResult(message.data);
  const site_id = siteOfSubject(message.subject);
  return {
    at: atOf(message),
    what: 'result',
    site_id,
    request_id: requestId,
    event_type: null,
    stage: null,
    reason: null,
  };
}

function readLetter(message: JsMsg): Passing {
  const { siteId, requestId, stage, reason } = decodeDeadLetter(message.data);
  const request_id = requestId || null;
  return { at: atOf(message), what: 'dead letter', site_id: siteId, request_id, event_type: null, stage, reason };
}
