import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** A replica's name by its host and port: the same after a restart, unless it takes a free port (0). */
export function memberIdOf(port: number): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-');
  return `${host}-${port === 0 ? randomUUID().slice(0, 8) : port}`;
}

/** How many copies another bucket is kept in: 3 in a cluster. One if it is not there. */
export async function replicasOf(nats: NatsConnection, bucket: string, timeoutMs: number): Promise<number> {
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: timeoutMs });
  const stream = await manager.streams.info(`KV_${bucket}`).catch(() => undefined);
  return stream?.config.num_replicas ?? 1;
}
