import { type ConsumerDefinition, decodeEvent, isUuidV4, requestId } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { type Checked, type Connection, checkPosition } from '@pressferry/jetstream';
import type { Logger } from '@pressferry/runtime';
import { holdsEvents, readPosition } from '../db/positions.ts';

/** Compares a stream's acknowledgements with Postgres, and takes again what a restored Postgres lacks. */
export interface Takeover {
  check: (consumer: ConsumerDefinition) => Promise<Checked>;
}

export interface TakeoverDeps {
  db: Database;
  nats: Connection['nats'];
  logger: Logger;
}

/** Concurrent checks of one consumer share one. */
export function createTakeover({ db, nats, logger }: TakeoverDeps): Takeover {
  const checks = new Map<string, Promise<Checked>>();
  const check = async (consumer: ConsumerDefinition): Promise<Checked> => {
    const { stream } = consumer;
    const checked = await checkPosition(nats, consumer, {
      position: (of) => readPosition(db, of),
      holdsAll: (messages) => holdsEvents(db, messages.flatMap(requestIdOf)),
    });
    if (checked.wentBack !== null) {
      const { position, acknowledgedUpTo, messages, gone } = checked.wentBack;
      logger.error({ stream, position, acknowledged_up_to: acknowledgedUpTo, messages, gone }, 'intake.went_back');
    }
    return checked;
  };
  return {
    check: (consumer) => {
      const running = checks.get(consumer.stream) ?? check(consumer).finally(() => void checks.delete(consumer.stream));
      checks.set(consumer.stream, running);
      return running;
    },
  };
}

/** Empty for a message that is not an event: it became a dead letter. */
function requestIdOf(message: Uint8Array): string[] {
  try {
    const event = decodeEvent(message);
    const isEvent = isUuidV4(event.idempotencyKey) && event.requestId === requestId(event.siteId, event.idempotencyKey);
    return isEvent ? [event.requestId] : [];
  } catch {
    return [];
  }
}
