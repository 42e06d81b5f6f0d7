import { jetstreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { eventsStream } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import {
  applySitesBucket,
  isStreamMissing,
  markPublished,
  PUBLISHED_KEY,
  putSite,
  readBucket,
  recordText,
  removeSite,
  SITES_STREAM,
} from '@pressferry/sites';
import { sql } from 'kysely';
import { type Queryable, readSite, readSites, recordOf } from './read.ts';

export interface Published {
  written: string[];
  removed: string[];
  unchanged: number;
}

/** Writes one site's entry as Postgres holds it, or removes it if the site is not registered. */
export async function publishSite(db: Database, nats: NatsConnection, siteId: string): Promise<void> {
  await exclusively(db, async (tx) => {
    const site = await readSite(tx, siteId);
    const bucket = await openBucket(nats);
    await (site === undefined ? removeSite(bucket, siteId) : putSite(bucket, recordOf(site)));
  });
}

/**
 * Writes the whole bucket as Postgres holds it, making it if missing. Writes only differences; the mark of completeness
 * comes last.
 */
export function publishSites(db: Database, nats: NatsConnection): Promise<Published> {
  return exclusively(db, async (tx) => {
    const bucket = await openBucket(nats);
    const found = await readBucket(nats);
    const records = (await readSites(tx)).map((site) => recordOf(site));
    const registered = new Set(records.map(({ site_id }) => site_id));
    const differing = records.filter((record) => found.get(record.site_id) !== recordText(record));
    const removed = [...found.keys()].filter((key) => key !== PUBLISHED_KEY && !registered.has(key));
    await inBatches(differing, (record) => putSite(bucket, record));
    await inBatches(removed, (siteId) => removeSite(bucket, siteId));
    if (!found.has(PUBLISHED_KEY)) await markPublished(bucket);
    const written = differing.map(({ site_id }) => site_id);
    return { written, removed, unchanged: records.length - written.length };
  });
}

const LOCK = 'pressferry.registry.publish';

/**
 * One publication at a time over all processes. Each reads Postgres only under the lock, so no stale reader writes
 * last. Locks no rows: a transaction with an id would hold back polls.
 */
const exclusively = <T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> =>
  db.transaction().execute(async (tx) => {
    await sql`select set_config('statement_timeout', '60s', true), set_config('idle_in_transaction_session_timeout', '120s', true)`.execute(
      tx,
    );
    await sql`select pg_advisory_xact_lock(hashtextextended(${LOCK}, 0))`.execute(tx);
    return work(tx);
  });

/** A new bucket gets as many replicas as the events have. */
async function openBucket(nats: NatsConnection): Promise<KV> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const replicasOf = async (stream: string): Promise<number | undefined> => {
    try {
      return (await manager.streams.info(stream)).config.num_replicas;
    } catch (error) {
      if (isStreamMissing(error)) return undefined;
      throw error;
    }
  };
  return applySitesBucket(nats, (await replicasOf(SITES_STREAM)) ?? (await replicasOf(eventsStream(0))) ?? 1);
}

const AT_ONCE = 64;

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
  }
}
