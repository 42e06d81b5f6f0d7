import { siteOfSubject } from '@pressferry/contracts';
import { type Connection, collectUndelivered } from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import { type Loop, type PublishDeadLetter, startLoop } from '@pressferry/worker';
import type { Metrics } from './metrics.ts';

export interface UndeliveredDeps {
  connection: Pick<Connection, 'nats' | 'isConnected'>;
  /** By the consumer that lost a message. */
  publishDeadLetter: Record<'enricher' | 'callback', PublishDeadLetter>;
  metrics: Pick<Metrics, 'interruption'>;
  logger: Logger;
}

const EVERY_MS = 30_000;

/**
 * Turns DEADLETTERS' advisories on messages that JetStream gave up into dead letters. This release's consumers have no
 * bound; those of an older release that runs at the same time may.
 */
export function startLetterCollector({ connection, publishDeadLetter, metrics, logger }: UndeliveredDeps): Loop {
  const round = async (): Promise<void> => {
    if (!connection.isConnected()) return;
    const letters = await collectUndelivered(connection.nats, async (undelivered, advisory) => {
      const { stream, consumer, sequence, deliveries, message } = undelivered;
      const letter = {
        siteId: siteOfSubject(message?.subject ?? ''),
        requestId: '',
        runId: '',
        reason: message === null ? 'max_deliveries_message_gone' : 'max_deliveries',
        stream,
        streamSequence: sequence,
        subject: message?.subject ?? '',
        message: message?.data ?? new Uint8Array(),
        tries: deliveries,
      };
      const publish = publishDeadLetter[consumer === 'callback' ? 'callback' : 'enricher'];
      return publish(letter, `advisory:${advisory}`);
    });
    if (letters > 0) logger.error({ letters }, 'letters.collected');
  };
  return startLoop(round, {
    intervalMs: () => EVERY_MS,
    onInterruption: (error) => {
      metrics.interruption('dead_letters');
      logger.warn(errorFields(error), 'letters.interrupted');
    },
  });
}
