import type { ConsumerDefinition } from '@pressferry/contracts';
import {
  type Connection,
  isSameStream,
  type Mark,
  makeRoom,
  markOf,
  type Room,
  readAcknowledged,
} from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import { type Loop, startLoop } from '@pressferry/worker';
import type { NewPosition, ServerLife, StreamIdentity } from '../db/positions.ts';
import type { Metrics } from '../metrics.ts';
import type { Takeover } from './takeover.ts';

export interface RoomDeps {
  connection: Pick<Connection, 'nats' | 'isConnected'>;
  /** Of the streams of events. */
  consumers: readonly ConsumerDefinition[];
  takeover: Takeover;
  readServerLife: () => Promise<ServerLife>;
  /** False if Postgres may no longer hold the messages up to `known`. */
  notePosition: (stream: StreamIdentity, position: NewPosition) => Promise<boolean>;
  isUp: () => boolean;
  metrics: Pick<Metrics, 'removedEvents'>;
  logger: Logger;
}

const EVERY_MS = 2_000;

/** How far Postgres is known to hold a stream. */
interface Known extends Mark {
  /** In which it was compared. */
  life: ServerLife;
}

/**
 * Notes how far Postgres holds EVENTS, and removes held messages: those older than the duplicate window, and earlier
 * ones if the stream is nearly full. Every replica may do so.
 */
export function startRoomKeeping(deps: RoomDeps): Loop {
  const { connection, consumers, logger } = deps;
  const known = new Map<string, Known>();
  const onInterruption = (error: unknown): void => logger.warn(errorFields(error), 'room.interrupted');
  return startLoop(
    async () => {
      for (const consumer of consumers)
        if (connection.isConnected()) await keepOne(consumer, deps, known).catch(onInterruption);
    },
    { intervalMs: () => EVERY_MS, onInterruption },
  );
}

async function keepOne(consumer: ConsumerDefinition, deps: RoomDeps, known: Map<string, Known>): Promise<void> {
  const { stream } = consumer;
  const { nats } = deps.connection;
  const last = known.get(stream);
  // It would vouch for messages that got these sequences again.
  if (last !== undefined && !(await isSameStream(nats, stream, last))) known.delete(stream);
  if (deps.isUp()) {
    const before = known.get(stream) ?? (await held(consumer, deps));
    // Do not trust acknowledgements again before they are compared with Postgres.
    if (before !== null) known.set(stream, before);
    const after = before === null ? null : await note(consumer, before, deps);
    if (after === null) return void known.delete(stream);
    known.set(stream, after);
  }
  const upTo = known.get(stream)?.sequence ?? 0;
  if (upTo > 0) report(stream, await makeRoom(nats, stream, upTo), deps);
}

async function held(
  consumer: ConsumerDefinition,
  { takeover, readServerLife, connection }: RoomDeps,
): Promise<Known | null> {
  const life = await readServerLife();
  const { createdAt, position: sequence, wentBack } = await takeover.check(consumer);
  if (wentBack !== null) return null;
  return { life, ...(await markOf(connection.nats, consumer.stream, { createdAt, sequence })) };
}

/** Null if Postgres may hold less than is known, or the stream is another. */
async function note(
  consumer: ConsumerDefinition,
  before: Known,
  { connection, notePosition }: RoomDeps,
): Promise<Known | null> {
  const { createdAt, life, sequence: known } = before;
  const now = await readAcknowledged(connection.nats, consumer);
  if (now.createdAt !== createdAt) return null;
  const sequence = Math.max(known, now.acknowledgedUpTo);
  const isKnown = await notePosition({ stream: consumer.stream, createdAt }, { life, known, sequence });
  if (!isKnown) return null;
  if (sequence === known) return before;
  return { life, ...(await markOf(connection.nats, consumer.stream, { createdAt, sequence })) };
}

function report(stream: string, removed: Room | null, { metrics, logger }: RoomDeps): void {
  if (removed === null || removed.messages === 0) return;
  const { reason, messages } = removed;
  metrics.removedEvents(reason, messages);
  // Repeats of the removed keys are no longer compared with their first event: the bound is too small for the load.
  if (reason === 'pressure') logger.warn({ stream, messages }, 'events.removed_early');
}
