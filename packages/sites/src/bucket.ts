import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SITES_BUCKET } from '@pressferry/contracts';
import { onceElected } from '@pressferry/jetstream';
import type { SiteRecord } from './record.ts';

export const SITES_STREAM = `KV_${SITES_BUCKET}`;

/**
 * The key that says that the bucket holds every registered site. It is written last, after all of them: a bucket without it was lost
 * or is being filled: a site that is missing in it may still be registered. No site id begins like this.
 */
export const PUBLISHED_KEY = '_published';

const UPDATE_TIMEOUT_MS = 15_000;
const STREAM_NOT_FOUND = 10059;
const NO_MESSAGE = 10037;

/** True for the server's answer that there is no such stream. */
export const isStreamMissing = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;

/** Opens the bucket `sites`, made with so many replicas if it is missing, and given so many if it has others. */
export const applySitesBucket = (nats: NatsConnection, replicas: number): Promise<KV> =>
  onceElected(() => applyBucket(nats, replicas));

async function applyBucket(nats: NatsConnection, replicas: number): Promise<KV> {
  const bucket = await new Kvm(nats).create(SITES_BUCKET, {
    replicas,
    history: 5,
    description: 'Registered sites, published from Postgres',
  });
  // A cluster answers once the further copies have their places.
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: UPDATE_TIMEOUT_MS });
  const { config } = await manager.streams.info(SITES_STREAM);
  // `create` opens a bucket that is there as it is.
  if (config.num_replicas !== replicas) await manager.streams.update(SITES_STREAM, { num_replicas: replicas });
  return bucket;
}

/** A site as it lies in the bucket. */
export const recordText = (record: SiteRecord): string => JSON.stringify(record);

/** Publishes a site to every replica of every service. */
export async function putSite(bucket: KV, record: SiteRecord): Promise<void> {
  await bucket.put(record.site_id, recordText(record));
}

/** Takes a site out of the bucket, its earlier records too. */
export const removeSite = (bucket: KV, siteId: string): Promise<void> => bucket.purge(siteId);

/** Says that the bucket holds every registered site. */
export async function markPublished(bucket: KV): Promise<void> {
  await bucket.put(PUBLISHED_KEY, JSON.stringify({ published_at: new Date().toISOString() }));
}

/** The revision of the newest entry, as the stream's leader knows it; 0 if there is none. Rejects if NATS does not answer. */
export async function newestRevision(manager: JetStreamManager): Promise<number> {
  try {
    const newest = await manager.streams.getMessage(SITES_STREAM, { last_by_subj: `$KV.${SITES_BUCKET}.>` });
    return newest?.seq ?? 0;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return 0;
    throw error;
  }
}

/** How long a reading may stall: a watch hears nothing of a bucket that is deleted meanwhile. */
const STANDSTILL_MS = 2_000;

/** Reads the bucket whole: the text of each key. Rejects if it is missing, is deleted meanwhile, or NATS does not answer. */
export async function readBucket(nats: NatsConnection): Promise<Map<string, string>> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const newest = await newestRevision(manager);
  const texts = new Map<string, string>();
  if (newest === 0) return texts;
  const bucket = await new Kvm(nats).open(SITES_BUCKET);
  const entries = await bucket.watch();
  const timer = setTimeout(() => entries.stop(), STANDSTILL_MS);
  try {
    // Each key's last value, in the order of their revisions.
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
