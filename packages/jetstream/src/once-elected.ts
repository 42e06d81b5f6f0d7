import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { TimeoutError } from '@nats-io/transport-node';

/** A cluster elects a leader, or a server that is to hold a copy is away. */
const NO_PEERS = 10005;
const NOT_AVAILABLE = 10008;
const INSUFFICIENT_RESOURCES = 10023;
const PASSING = [NO_PEERS, NOT_AVAILABLE, INSUFFICIENT_RESOURCES];

const BETWEEN_TRIES_MS = 250;

/**
 * Repeats a request to JetStream's API, which must be idempotent, while the cluster elects a leader: seconds after its
 * start. Rejects with the last such answer after `forMs`, and at once with any other.
 */
export async function onceElected<T>(request: () => Promise<T>, forMs = 60_000): Promise<T> {
  const untilMs = performance.now() + forMs;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!isPassing(error) || performance.now() >= untilMs) throw error;
      await sleep(BETWEEN_TRIES_MS);
    }
  }
}

const isPassing = (error: unknown): boolean =>
  error instanceof TimeoutError || (error instanceof JetStreamApiError && PASSING.includes(error.code));
