import { JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { ReadStored } from './accept.ts';

const NO_MESSAGE = 10037;

/**
 * Reads stored messages: from the nearest replica first, and from the leader if that one does not hold it, because a replica may be
 * behind. Rejects if NATS does not answer.
 */
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

/** Up to which sequence enricher has taken a stream's events, all of them; 0 if it has not begun. Rejects if NATS does not answer. */
export const readTakenUpTo =
  (manager: Pick<JetStreamManager, 'consumers'>) =>
  async (stream: string): Promise<number> => {
    try {
      return (await manager.consumers.info(stream, 'enricher')).ack_floor.stream_seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return 0;
      throw error;
    }
  };

const CONSUMER_NOT_FOUND = 10014;
