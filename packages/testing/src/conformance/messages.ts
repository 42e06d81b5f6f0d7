import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type DeadLetterMessage, decodeDeadLetter } from '@pressferry/contracts';
import type { WorkerUnderTest } from './subject.ts';

export interface Messages extends AsyncDisposable {
  repeats: () => Promise<number>;
  /** Not acknowledged. */
  open: () => Promise<number>;
  /** Those of them that were delivered. */
  inHand: () => Promise<number>;
  deadLetters: () => Promise<DeadLetterMessage[]>;
}

export async function openMessages({ natsUrl, consumer }: WorkerUnderTest): Promise<Messages> {
  const nats = await connect({ servers: natsUrl });
  const manager = await jetstreamManager(nats);
  const info = () => manager.consumers.info(consumer.stream, consumer.name);
  return {
    repeats: async () => {
      const { delivered } = await info();
      return delivered.consumer_seq - delivered.stream_seq;
    },
    open: async () => {
      const { num_ack_pending, num_pending } = await info();
      return num_ack_pending + num_pending;
    },
    inHand: async () => (await info()).num_ack_pending,
    deadLetters: async () => {
      const { messages } = (await manager.streams.info('DEADLETTERS')).state;
      const letters = await jetstream(nats).consumers.get('DEADLETTERS', { filter_subjects: ['pf.dead.>'] });
      const read: DeadLetterMessage[] = [];
      for (let left = messages; left > 0; left--) {
        const message = await letters.next({ expires: 2_000 });
        if (message !== null) read.push(decodeDeadLetter(message.data));
      }
      return read;
    },
    [Symbol.asyncDispose]: () => nats.close(),
  };
}
