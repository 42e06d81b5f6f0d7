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
  /** The most messages handled at once. */
  concurrency: number;
  /** Takes more messages than are handled at once, and deals them out by group; without it, as many are taken as are handled. */
  readAhead?: ReadAhead;
  signal: AbortSignal;
  /** Called when the loop lost its consumer or connection and begins again, and with what a handler threw. */
  onInterruption: (error: unknown) => void;
  /** Awaited before each pull: nothing is fetched while a dependency is away. */
  untilReady?: () => Promise<void>;
  /** Awaited each time before the consumer is opened, or made if it is missing. */
  beforeOpen?: () => Promise<void>;
  /** Asked when the consumer is missing: how far the stream, made at `createdAt`, is taken over already. The rest is delivered. */
  position?: (stream: { stream: string; createdAt: string }) => Promise<Position | null>;
  /** True for a message that is handled while no other is in flight, because it may be what kills its worker. */
  isSuspect?: (message: Delivered) => boolean;
}

/** How much is held at once, handled or waiting, and whose turn it is. */
export interface ReadAhead extends Window {
  groupOf: InFlightOptions['groupOf'];
}

const RESTART_DELAY_MS = 500;
const PULL_MS = 5_000;

/**
 * Handles a durable consumer's messages until `signal` is aborted, then finishes those being handled, gives back those that wait, and resolves. A
 * handler may take as long as it needs: its message is kept from being delivered again, and those that wait too. A consumer or stream that vanished is made again (streams are not: the
 * loop waits for them). A handler that throws counts as a retry.
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

/** Pulls no more than there is room for; rejects if the consumer is gone. */
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
    // Aborted while the pull was being begun: that event has passed.
    if (signal.aborted) stop();
    try {
      for await (const message of messages) inFlight.take(message);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}
