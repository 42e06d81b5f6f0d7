import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { type Connection, makeRoom, type Room } from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { StreamIdentity } from '../db/positions.ts';
import type { Metrics } from '../metrics.ts';

export interface RoomDeps {
  connection: Pick<Connection, 'nats' | 'isConnected'>;
  /** The durable consumers of the streams of events. */
  consumers: readonly ConsumerDefinition[];
  /** Notes that Postgres holds every message up to a sequence. */
  notePosition: (stream: StreamIdentity, sequence: number) => Promise<void>;
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
  const noted = new Map<string, number>();
  while (!signal.aborted) {
    try {
      if (connection.isConnected()) {
        for (const consumer of consumers) await keepOne(consumer, deps, noted);
      }
    } catch (error) {
      logger.warn(errorFields(error), 'room.interrupted');
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function keepOne(
  { stream, name }: ConsumerDefinition,
  deps: RoomDeps,
  noted: Map<string, number>,
): Promise<void> {
  const { createdAt, acknowledgedUpTo, removed } = await makeRoom(deps.connection.nats, stream, name);
  report(stream, removed, deps);
  const place = `${stream} ${createdAt}`;
  if (acknowledgedUpTo === (noted.get(place) ?? 0)) return;
  await deps.notePosition({ stream, createdAt }, acknowledgedUpTo);
  noted.set(place, acknowledgedUpTo);
}

function report(stream: string, removed: Room['removed'], { metrics, logger }: RoomDeps): void {
  if (removed === null || removed.messages === 0) return;
  const { reason, messages } = removed;
  metrics.removedEvents(reason, messages);
  // Repeats of the removed keys are no longer compared with their first event: the bound is too small for the load.
  if (reason === 'pressure') logger.warn({ stream, messages }, 'events.removed_early');
}
