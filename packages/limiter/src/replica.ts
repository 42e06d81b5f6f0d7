import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Host and port, so equal after a restart unless the port is 0 (a free one). */
export function memberIdOf(port: number): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-');
  return `${host}-${port === 0 ? randomUUID().slice(0, 8) : port}`;
}

/** The replicas of another bucket; 1 if it does not exist. */
export async function replicasOf(nats: NatsConnection, bucket: string, timeoutMs: number): Promise<number> {
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: timeoutMs });
  const stream = await manager.streams.info(`KV_${bucket}`).catch(() => undefined);
  return stream?.config.num_replicas ?? 1;
}
