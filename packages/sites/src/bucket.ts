import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SITES_BUCKET } from '@pressferry/contracts';
import { ERROR_CODES, onceElected } from '@pressferry/jetstream';
import type { SiteRecord } from './record.ts';

export const SITES_STREAM = `KV_${SITES_BUCKET}`;

/**
 * Written last, once the bucket holds every registered site. Without it, the bucket was lost or is being filled, and a
 * site missing in it may be registered. No site id begins like this.
 */
export const PUBLISHED_KEY = '_published';

const UPDATE_TIMEOUT_MS = 15_000;
const NO_MESSAGE = 10037;

export const isStreamMissing = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === ERROR_CODES.streamNotFound;

export const applySitesBucket = (nats: NatsConnection, replicas: number): Promise<KV> =>
  onceElected(() => applyBucket(nats, replicas));

async function applyBucket(nats: NatsConnection, replicas: number): Promise<KV> {
  const bucket = await new Kvm(nats).create(SITES_BUCKET, {
    replicas,
    history: 5,
    description: 'Registered sites, published from Postgres',
  });
  // A cluster answers once the further copies are placed.
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: UPDATE_TIMEOUT_MS });
  const { config } = await manager.streams.info(SITES_STREAM);
  // `create` leaves an existing bucket unchanged.
  if (config.num_replicas !== replicas) await manager.streams.update(SITES_STREAM, { num_replicas: replicas });
  return bucket;
}

export const recordText = (record: SiteRecord): string => JSON.stringify(record);

export async function putSite(bucket: KV, record: SiteRecord): Promise<void> {
  await bucket.put(record.site_id, recordText(record));
}

/** Purges its earlier records too. */
export const removeSite = (bucket: KV, siteId: string): Promise<void> => bucket.purge(siteId);

export async function markPublished(bucket: KV): Promise<void> {
  await bucket.put(PUBLISHED_KEY, JSON.stringify({ published_at: new Date().toISOString() }));
}

/** From the stream's leader; 0 if there is none. Rejects if NATS does not answer. */
export async function newestRevision(manager: JetStreamManager): Promise<number> {
  try {
    const newest = await manager.streams.getMessage(SITES_STREAM, { last_by_subj: `$KV.${SITES_BUCKET}.>` });
    return newest?.seq ?? 0;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return 0;
    throw error;
  }
}

/** How long a reading may stall: a watch hears nothing once its bucket is deleted. */
const STANDSTILL_MS = 2_000;

/** The text of each key. Rejects if the bucket is missing or deleted meanwhile, or NATS does not answer. */
export async function readBucket(nats: NatsConnection): Promise<Map<string, string>> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const newest = await newestRevision(manager);
  const texts = new Map<string, string>();
  if (newest === 0) return texts;
  const bucket = await new Kvm(nats).open(SITES_BUCKET);
  const entries = await bucket.watch();
  const timer = setTimeout(() => entries.stop(), STANDSTILL_MS);
  try {
    // Each key's last value, by revision.
    for await (const { key, operation, revision, value } of entries) {
      timer.refresh();
      if (operation === 'PUT') texts.set(key, Buffer.from(value).toString('utf8'));
      else texts.delete(key);
      if (revision >= newest) return texts;
    }
  } finally {
    clearTimeout(timer);
    entries.stop();
  }
  throw new Error('the bucket of sites was not read to its end: it was deleted meanwhile, or NATS does not answer');
}
