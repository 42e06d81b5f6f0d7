import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { type Connection, makeRoom } from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Metrics } from '../metrics.ts';

export interface RoomDeps {
  connection: Pick<Connection, 'nats' | 'isConnected'>;
  /** The durable consumers of the streams of events. */
  consumers: readonly ConsumerDefinition[];
  metrics: Pick<Metrics, 'removedEvents'>;
  logger: Logger;
}

const EVERY_MS = 2_000;

/**
 * Removes from EVENTS what Postgres has taken over, until `signal` is aborted: what is older than the duplicate window, and earlier
 * what a stream that is nearly full needs room for. Each replica does so; to do it twice is harmless.
 */
export async function keepRoom(deps: RoomDeps, signal: AbortSignal): Promise<void> {
  const { connection, consumers, logger } = deps;
  while (!signal.aborted) {
    try {
      if (connection.isConnected()) {
        for (const { stream, name } of consumers) report(stream, await makeRoom(connection.nats, stream, name), deps);
      }
    } catch (error) {
      logger.warn(errorFields(error), 'room.interrupted');
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

function report(stream: string, removed: Awaited<ReturnType<typeof makeRoom>>, { metrics, logger }: RoomDeps): void {
  if (removed === null || removed.messages === 0) return;
  const { reason, messages } = removed;
  metrics.removedEvents(reason, messages);
  // Repeats of the removed keys are no longer compared with their first event: the bound is too small for the load.
  if (reason === 'pressure') logger.warn({ stream, messages }, 'events.removed_early');
}
