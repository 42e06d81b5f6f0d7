import { setTimeout as delay } from 'node:timers/promises';
import { type Consumer, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { applyConsumer } from './apply.ts';
import type { Connection } from './connection.ts';
import { type Delivered, InFlightMessages, type Outcome } from './in-flight.ts';
import { type Position, startAfter } from './position.ts';

export type { Delivered, Outcome } from './in-flight.ts';

export interface ConsumeOptions {
  definition: ConsumerDefinition;
  /** The most messages in flight, handled all at once; as many are fetched, so a shutdown has few to finish. */
  concurrency: number;
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

const RESTART_DELAY_MS = 500;
const PULL_MS = 5_000;

/**
 * Handles a durable consumer's messages until `signal` is aborted, then finishes those in flight and resolves. A handler may take as long
 * as it needs: its message is kept from being delivered again. A consumer or stream that vanished is made again (streams are not: the
 * loop waits for them). A handler that throws counts as a retry.
 */
export async function consume(
  connection: Connection,
  handle: (message: Delivered) => Promise<Outcome>,
  options: ConsumeOptions,
): Promise<void> {
  const { definition, signal, onInterruption, isSuspect = () => false } = options;
  const { ackWaitMs } = definition;
  await using inFlight = new InFlightMessages({
    limit: options.concurrency,
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

/** Pulls no more than there is room for, so what was pulled is in flight at once; rejects if the consumer is gone. */
async function pullAll(
  consumer: Consumer,
  inFlight: InFlightMessages,
  { signal, untilReady }: ConsumeOptions,
): Promise<void> {
  while (!signal.aborted) {
    await untilReady?.();
    await inFlight.untilRoom(signal);
    if (signal.aborted) return;
    const messages = await consumer.fetch({ max_messages: inFlight.room(), expires: PULL_MS });
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
