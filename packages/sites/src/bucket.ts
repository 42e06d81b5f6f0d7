import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SITES_BUCKET } from '@pressferry/contracts';
import type { SiteRecord } from './record.ts';

/** Makes the bucket `sites` where it is missing and opens it. */
export const applySitesBucket = (nats: NatsConnection, replicas: number): Promise<KV> =>
  new Kvm(nats).create(SITES_BUCKET, {
    replicas,
    history: 5,
    description: 'Registered sites, published from Postgres',
  });

/** Publishes a site to every replica of every service. */
export async function putSite(bucket: KV, record: SiteRecord): Promise<void> {
  await bucket.put(record.site_id, JSON.stringify(record));
}
