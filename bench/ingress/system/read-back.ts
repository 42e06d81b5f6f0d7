import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { decodeEvent, type EventMessage, eventsStream } from '@pressferry/contracts';
import type { Connection } from '@pressferry/jetstream';

/** Reads every event of every shard back, in order, through its own consumer that goes with it. */
export async function readEvents(
  connection: Connection,
  shards: number,
  onEvent: (event: EventMessage, messageId: string) => void,
): Promise<number> {
  let total = 0;
  for (let shard = 0; shard < shards; shard++) total += await readStream(connection, eventsStream(shard), onEvent);
  return total;
}

async function readStream(
  connection: Connection,
  stream: string,
  onEvent: (event: EventMessage, messageId: string) => void,
): Promise<number> {
  const manager = await jetstreamManager(connection.nats);
  const { messages } = (await manager.streams.info(stream)).state;
  if (messages === 0) return 0;
  const { name } = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    mem_storage: true,
    inactive_threshold: 60_000_000_000,
  });
  const consumer = await jetstream(connection.nats).consumers.get(stream, name);
  let read = 0;
  for await (const message of await consumer.consume({ max_messages: 2_000 })) {
    onEvent(decodeEvent(message.data), message.headers?.get('Nats-Msg-Id') ?? '');
    if (++read === messages) break;
  }
  await manager.consumers.delete(stream, name);
  return read;
}
