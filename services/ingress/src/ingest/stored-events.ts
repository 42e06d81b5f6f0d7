import { JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { ERROR_CODES } from '@pressferry/jetstream';
import type { ReadStored } from './accept.ts';

const NO_MESSAGE = 10037;

/** Asks the nearest replica, then the leader, because a replica may be behind. Rejects if NATS does not answer. */
export function createStoredReader(manager: Pick<JetStreamManager, 'direct' | 'streams'>): ReadStored {
  return async (stream, sequence) => {
    const near = await manager.direct.getMessage(stream, { seq: sequence });
    if (near !== null) return near.data;
    try {
      return (await manager.streams.getMessage(stream, { seq: sequence }))?.data ?? null;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return null;
      throw error;
    }
  };
}

/** The sequence up to which enricher has taken all events; 0 if it has not begun. Rejects if NATS does not answer. */
export const readTakenUpTo =
  (manager: Pick<JetStreamManager, 'consumers'>) =>
  async (stream: string): Promise<number> => {
    try {
      return (await manager.consumers.info(stream, 'enricher')).ack_floor.stream_seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === ERROR_CODES.consumerNotFound) return 0;
      throw error;
    }
  };
