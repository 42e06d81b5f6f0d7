import { setTimeout as delay } from 'node:timers/promises';
import { type Consumer, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { applyConsumer } from './apply.ts';
import type { Connection } from './connection.ts';
import { type Delivered, InFlightMessages, type InFlightOptions, type Outcome, type Window } from './in-flight.ts';
import { type Position, startAfter } from './position.ts';

export type { Delivered, Outcome, Window } from './in-flight.ts';

export interface ConsumeOptions {
  definition: ConsumerDefinition;
  concurrency: number;
  /** Takes more messages than are handled at once, and hands them out by group. */
  readAhead?: ReadAhead;
  signal: AbortSignal;
  /** Called when the loop lost its consumer or connection and restarts, and with what a handler threw. */
  onInterruption: (error: unknown) => void;
  /** Awaited before each pull. */
  untilReady?: () => Promise<void>;
  beforeOpen?: () => Promise<void>;
  /** Asked for a missing consumer: how far the stream of `createdAt` was taken over. The rest is delivered. */
  position?: (stream: { stream: string; createdAt: string }) => Promise<Position | null>;
  /** A suspect message is handled alone, because it may be what kills its worker. */
  isSuspect?: (message: Delivered) => boolean;
}

export interface ReadAhead extends Window {
  groupOf: InFlightOptions['groupOf'];
}

const RESTART_DELAY_MS = 500;
const PULL_MS = 5_000;
/** With a read-ahead: of the messages handled at once, those kept for groups with nothing in flight. */
const KEPT_SHARE = 1 / 8;

/**
 * Handles a durable consumer's messages until `signal` is aborted; then finishes those being handled and gives the
 * others back. Handlers may take as long as they need: messages are kept from redelivery meanwhile. A missing consumer
 * is made again; a missing stream is waited for. A handler that throws counts as a retry.
 */
export async function consume(
  connection: Connection,
  handle: (message: Delivered) => Promise<Outcome>,
  options: ConsumeOptions,
): Promise<void> {
  const { definition, concurrency, signal, onInterruption, isSuspect = () => false } = options;
  const { ackWaitMs } = definition;
  const readAhead = options.readAhead ?? { messages: concurrency, bytes: Number.POSITIVE_INFINITY, groupOf: () => '' };
  await using inFlight = new InFlightMessages({
    limit: concurrency,
    kept: options.readAhead === undefined ? 0 : Math.floor(concurrency * KEPT_SHARE),
    window: readAhead,
    groupOf: readAhead.groupOf,
    ackWaitMs,
    handle,
    isSuspect,
    onError: onInterruption,
  });
  while (!signal.aborted) {
    try {
      await options.untilReady?.();
      if (signal.aborted) return;
      const manager = await jetstreamManager(connection.nats, { checkAPI: false });
      await options.beforeOpen?.();
      await applyConsumer(manager, definition, () => startAfter(manager, definition.stream, options.position));
      const consumer = await jetstream(connection.nats).consumers.get(definition.stream, definition.name);
      await pullAll(consumer, inFlight, options);
    } catch (error) {
      if (signal.aborted) return;
      onInterruption(error);
      await delay(RESTART_DELAY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function pullAll(
  consumer: Consumer,
  inFlight: InFlightMessages,
  { signal, untilReady }: ConsumeOptions,
): Promise<void> {
  while (!signal.aborted) {
    await untilReady?.();
    await inFlight.untilRoom(signal);
    if (signal.aborted) return;
    const messages = await consumer.fetch({ max_messages: inFlight.nextPull(), expires: PULL_MS });
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    // Aborted while the pull began: that event has passed.
    if (signal.aborted) stop();
    try {
      for await (const message of messages) inFlight.take(message);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}
