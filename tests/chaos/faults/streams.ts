import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { encodeEvent, eventSubject, requestId } from '@pressferry/contracts';
import { poll } from '@pressferry/embedded';
import type { World } from '../world.ts';

/** Deletes a durable consumer, as an operator might by mistake; resolves once it is gone, or recreated. */
export async function deleteConsumer(world: World, stream: string, name: string): Promise<void> {
  await using connection = await world.nats();
  const manager = await jetstreamManager(connection.nats);
  const createdAt = async (): Promise<string | null> =>
    manager.consumers.info(stream, name).then(
      ({ created }) => String(created),
      () => null,
    );
  const before = await createdAt();
  // The server also refuses when the service was quicker to recreate it than its folder was to empty.
  await manager.consumers.delete(stream, name).catch(() => undefined);
  const isAnother = async () => ((await createdAt()) === before ? undefined : true);
  await poll(`${name} to be gone`, isAnother, { timeoutMs: 10_000 });
}

/** Lets a stream take nothing more for a while. */
export async function fillStream(world: World, stream: string, forMs: number): Promise<void> {
  await using connection = await world.nats();
  const manager = await jetstreamManager(connection.nats);
  const { config, state } = await manager.streams.info(stream);
  await manager.streams.update(stream, { ...config, max_bytes: Math.max(1, state.bytes) });
  try {
    await delay(forMs);
  } finally {
    await manager.streams.update(stream, { ...config });
  }
}

/** Publishes what ingress never would: bytes that are not an event, and an event that no row can hold. Returns them. */
export async function publishPoison(world: World, uuid: () => string): Promise<Buffer[]> {
  await using connection = await world.nats();
  const js = jetstream(connection.nats);
  const siteId = world.sites[0]?.siteId ?? '';
  const key = uuid();
  const body = {
    event_type: 'form.submitted',
    object_ref: 'poison\u0000',
    idempotency_key: key,
    occurred_at: new Date().toISOString(),
    data: { form_id: '7', fields: { message: 'x' } },
  };
  const unstorable = encodeEvent({
    requestId: requestId(siteId, key),
    siteId,
    eventType: body.event_type,
    objectRef: body.object_ref,
    idempotencyKey: key,
    receivedAtMs: Date.now(),
    body: Buffer.from(JSON.stringify(body)),
    mode: 'live',
  });
  const poison = [Buffer.from('no event at all'), Buffer.from(unstorable)];
  for (const message of poison) await js.publish(eventSubject(0, siteId, 'form.submitted'), message);
  return poison;
}

/** Every message of DEADLETTERS, from the first. */
export async function readDeadLetters(world: World): Promise<Uint8Array[]> {
  await using connection = await world.nats();
  const manager = await jetstreamManager(connection.nats);
  const { state } = await manager.streams.info('DEADLETTERS');
  const messages: Uint8Array[] = [];
  for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage('DEADLETTERS', { seq });
    if (message !== null) messages.push(message.data);
  }
  return messages;
}
