import { jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { countDaysAhead, type Database, pendingMigrations } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { readSites, recordOf } from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import { PUBLISHED_KEY, readBucket, recordText } from '@pressferry/sites';
import {
  type Finding,
  OLD_SECONDS,
  ofAges,
  ofClock,
  ofConsumer,
  ofDays,
  ofLetters,
  ofRegistry,
  ofSchema,
  ofStream,
  silent,
} from './findings.ts';
import { unusableOf } from './unusable.ts';

const ASK_MS = 3_000;

export async function examineNats(nats: NatsConnection, shards: number): Promise<Finding[]> {
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: ASK_MS });
  const streams = streamDefinitions({ ...STREAM_DEFAULTS, shards }).map(async ({ name }) => {
    const info = await manager.streams.info(name).catch(() => undefined);
    return ofStream(name, info && { bytes: info.state.bytes, maxBytes: info.config.max_bytes });
  });
  const consumers = consumerDefinitions({ shards }).map(async ({ stream, name }) => {
    const about = `${stream}/${name}`;
    const info = await manager.consumers.info(stream, name).catch(() => undefined);
    if (info === undefined) return ofConsumer(about, undefined);
    const pending = info.num_pending + info.num_ack_pending;
    const after = { seq: info.ack_floor.stream_seq + 1, next_by_subj: '>' };
    const oldest = pending === 0 ? null : await manager.direct.getMessage(stream, after).catch(() => null);
    return ofConsumer(about, {
      pending,
      oldestSeconds: oldest === null ? 0 : (Date.now() - oldest.time.getTime()) / 1000,
    });
  });
  const dead = await manager.streams.info('DEADLETTERS').catch(() => undefined);
  return [
    ...(await Promise.all([...streams, ...consumers])),
    ...(dead === undefined ? [] : [ofLetters(dead.state.messages)]),
  ];
}

/** The schema, the clock and the ages of keys; if the schema exists, also the sites. */
export async function examineDatabase(db: Database, keyring: Keyring | undefined): Promise<Finding[]> {
  const askedAtMs = Date.now();
  const { at } = await db.selectNoFrom((build) => build.fn<Date>('clock_timestamp').as('at')).executeTakeFirstOrThrow();
  const halfWay = (askedAtMs + Date.now()) / 2;
  const missing = await pendingMigrations(db);
  const first = [ofClock((at.getTime() - halfWay) / 1000), ofSchema(missing)];
  if (missing.length > 0) return first;
  const faulty = [];
  const old = [];
  for (const site of await readSites(db)) {
    for (const { part, reason } of await unusableOf(site, keyring))
      faulty.push(silent(`site ${site.siteId}`, `${part}: ${reason}`, `pressferry sites show ${site.siteId}`));
    for (const parts of [site.secrets, site.keys]) {
      const newestMs = Math.max(...parts.map(({ createdAt }) => createdAt.getTime()));
      const seconds = (Date.now() - newestMs) / 1000;
      if (site.status !== 'disabled' && parts.length > 0 && seconds > OLD_SECONDS)
        old.push({ siteId: site.siteId, seconds });
    }
  }
  return [...first, ofDays(await countDaysAhead(db)), ...faulty, ofAges(old)];
}

export async function examineRegistry(db: Database, nats: NatsConnection): Promise<Finding> {
  const registered = await readSites(db);
  const published = await readBucket(nats).catch(() => undefined);
  const same = registered.filter((site) => published?.get(site.siteId) === recordText(recordOf(site))).length;
  const sites = published && [...published.keys()].filter((key) => key !== PUBLISHED_KEY).length;
  return ofRegistry(
    registered.length,
    published?.has(PUBLISHED_KEY) === true ? { sites: sites ?? 0, same } : undefined,
  );
}
