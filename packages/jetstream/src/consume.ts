import { setTimeout as delay } from 'node:timers/promises';
import { type ConsumerMessages, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { applyConsumer } from './apply.ts';
import type { Connection } from './connection.ts';

/** What a handler decided about a message. */
export type Outcome =
  | { kind: 'done' }
  /** Try again after `delayMs`; counts towards the consumer's `maxDeliver`. */
  | { kind: 'retry'; delayMs: number; reason: string }
  /** Never deliver again: it was recorded elsewhere, or can never be handled. */
  | { kind: 'drop'; reason: string };

/** A message as a handler sees it. */
export interface Delivered {
  stream: string;
  subject: string;
  sequence: number;
  /** 1 at the first delivery. */
  delivery: number;
  data: Uint8Array;
  header: (name: string) => string | undefined;
}

export interface ConsumeOptions {
  definition: ConsumerDefinition;
  /** How many messages are handled at once; as many are fetched, so that a shutdown has few to finish. */
  concurrency: number;
  signal: AbortSignal;
  /** Called when the loop lost its consumer or connection and begins again. */
  onInterruption: (error: unknown) => void;
  /** Awaited before each pull: holds back while a dependency is down, so that no delivery is spent on it. */
  untilReady?: () => Promise<void>;
}

const RESTART_DELAY_MS = 500;

/**
 * Handles a durable consumer's messages until `signal` is aborted, then finishes those already fetched and resolves.
 * A consumer or stream that vanished is made again (streams are not: the loop waits for them). A handler that throws counts as a retry.
 */
export async function consume(
  connection: Connection,
  handle: (message: Delivered) => Promise<Outcome>,
  options: ConsumeOptions,
): Promise<void> {
  const { definition, signal, onInterruption } = options;
  while (!signal.aborted) {
    try {
      await options.untilReady?.();
      if (signal.aborted) return;
      const manager = await jetstreamManager(connection.nats, { checkAPI: false });
      await applyConsumer(manager, definition);
      const consumer = await jetstream(connection.nats).consumers.get(definition.stream, definition.name);
      const messages = await consumer.consume({ max_messages: options.concurrency, expires: 5_000 });
      await drain(messages, handle, options);
    } catch (error) {
      if (signal.aborted) return;
      onInterruption(error);
      await delay(RESTART_DELAY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function drain(
  messages: ConsumerMessages,
  handle: (message: Delivered) => Promise<Outcome>,
  options: ConsumeOptions,
): Promise<void> {
  const stop = (): void => messages.stop();
  options.signal.addEventListener('abort', stop, { once: true });
  // Aborted while the consumer was being opened: that event has passed.
  if (options.signal.aborted) stop();
  void watchForLoss(messages, options.onInterruption);
  const inHand = new Set<Promise<void>>();
  try {
    for await (const message of messages) {
      if (options.untilReady !== undefined) await options.untilReady();
      const work = settle(message, handle, options.onInterruption).finally(() => inHand.delete(work));
      inHand.add(work);
      if (inHand.size >= options.concurrency) await Promise.race(inHand);
    }
  } finally {
    options.signal.removeEventListener('abort', stop);
    await Promise.all(inHand);
  }
}

/** Ends the iteration where the consumer is gone for good, so that the loop above makes it again. */
async function watchForLoss(messages: ConsumerMessages, onInterruption: (error: unknown) => void): Promise<void> {
  for await (const status of messages.status()) {
    const lost = ['consumer_not_found', 'consumer_deleted', 'stream_not_found', 'no_responders'].includes(status.type);
    if (!lost) continue;
    onInterruption(new Error(`consumer lost: ${status.type}`));
    messages.stop();
    return;
  }
}

async function settle(
  message: JsMsg,
  handle: (message: Delivered) => Promise<Outcome>,
  onInterruption: (error: unknown) => void,
): Promise<void> {
  const outcome = await handle(toDelivered(message)).catch((error: unknown): Outcome => {
    onInterruption(error);
    return { kind: 'retry', delayMs: 1_000 * Math.min(2 ** message.info.deliveryCount, 60), reason: 'handler_failed' };
  });
  if (outcome.kind === 'done') message.ack();
  else if (outcome.kind === 'retry') message.nak(outcome.delayMs);
  else message.term(outcome.reason);
}

const toDelivered = (message: JsMsg): Delivered => ({
  stream: message.info.stream,
  subject: message.subject,
  sequence: message.seq,
  delivery: message.info.deliveryCount,
  data: message.data,
  header: (name) => message.headers?.get(name) || undefined,
});
