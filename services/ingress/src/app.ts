import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { eventsStream, MAX_EVENT_MESSAGE_BYTES, SITES_BUCKET } from '@pressferry/contracts';
import {
  type Connection,
  createPublisher,
  measureJetStream,
  openConnection,
  type Publisher,
} from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  createRegistry,
  errorFields,
  type Logger,
  startOpsServer,
} from '@pressferry/runtime';
import { createReplayStore, followSites, logRegistryFault, type SiteDirectory } from '@pressferry/sites';
import { type Api, openApi } from './api.ts';
import { openCatalogue } from './catalogue/index.ts';
import { createClientChecks } from './checks.ts';
import type { Config } from './config.ts';
import { createCapacity } from './http/capacity.ts';
import { createFindClient } from './http/client.ts';
import { createConnections } from './http/connections.ts';
import { createLoad, createOutage, overloaded } from './http/load.ts';
import { parseRanges } from './http/ranges.ts';
import { createTarpit } from './http/tarpit.ts';
import { createStoredReader, readTakenUpTo } from './ingest/stored.ts';
import { type Limiter, openLimiter } from './limits/index.ts';
import { createMetrics } from './metrics.ts';
import { createHeldEvents } from './sites/held.ts';
import { tracePublisher } from './tracing.ts';

export { type Config, configSchema } from './config.ts';

export interface IngressDeps {
  logger?: Logger;
  now?: () => number;
}

/** A running ingress. Disposal stops listening, answers what is in hand, and closes what was opened. */
export interface Ingress extends AsyncDisposable {
  apiUrl: string;
  opsUrl: string;
}

/** Starts ingress. Resolves once it listens, which needs NATS and nothing else; rejects with a `ConfigError` on a faulty configuration. */
export async function startIngress(config: Config, deps: IngressDeps = {}): Promise<Ingress> {
  const { logger = createLogger('ingress', config.LOG_LEVEL), now = Date.now } = deps;
  await using resources = new AsyncDisposableStack();
  const started: {
    connection?: Connection;
    directory?: SiteDirectory;
    limiter?: Limiter;
    publisher?: Publisher;
    api?: Api;
  } = {};
  const stopping = new AbortController();
  const keyring = createKeyring(config.SEALING_KEYS);
  const catalogue = resources.use(openCatalogue(config.EVENT_TYPES_DIRS, () => metrics, logger));
  const outage = createOutage(() => started.connection?.isConnected() === true);
  const load = createLoad();
  const connections = createConnections(config.MAX_CONNECTIONS);
  const capacity = createCapacity(config.MAX_IN_FLIGHT, config.MAX_BUFFERED_BYTES);
  const room = { capacity, overloaded: () => overloaded(load) };
  const tarpit = createTarpit(config.REFUSAL_DELAY_MS);
  const registry = createRegistry();
  const events = Array.from({ length: config.EVENTS_SHARDS }, (_, shard) => eventsStream(shard));
  const streams = [...events, 'REPLAY', `KV_${SITES_BUCKET}`];
  measureJetStream(registry, () => started.connection, { streams, consumers: [] });
  const metrics = createMetrics(registry, {
    inFlight: () => capacity.inFlight,
    refusalsKeptBack: tarpit.held,
    bufferedBytes: () => capacity.bufferedBytes,
    connections: connections.count,
    publishesPending: () => started.publisher?.pending() ?? 0,
    sites: () => started.directory?.count().sites ?? 0,
    faultySites: () => started.directory?.count().faulty ?? 0,
    registryAge: () => started.directory?.ageSeconds() ?? 0,
    eventTypes: () => catalogue.current().size,
    limitShare: () => started.limiter?.state().share ?? 0,
    limitKeys: () => started.limiter?.state().keys ?? 0,
  });
  const ops = resources.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, () => [
      ...(started.connection?.isConnected() === true ? roomFor(started.connection) : ['NATS is not connected']),
      ...(started.directory?.faults() ?? ['the sites have not been read']),
      ...(started.api === undefined ? ['not listening yet'] : []),
      ...(stopping.signal.aborted ? ['stopping'] : []),
    ]),
  );
  const connection = resources.use(
    await openConnection({ url: config.NATS_URL, name: 'ingress', credentialsFile: config.NATS_CREDENTIALS }),
  );
  started.connection = connection;
  connection.onDisconnect(outage.onDisconnect);
  const directory = resources.use(
    followSites(connection, keyring, {
      maxAgeMs: config.REGISTRY_MAX_AGE_MS,
      onFault: (fault) => {
        metrics.registryFault();
        logRegistryFault(fault, logger);
      },
    }),
  );
  started.directory = directory;
  // What a request asks of JetStream has no more time than its writes: nobody waits longer than 2 s for a 503.
  const manager = await jetstreamManager(connection.nats, { checkAPI: false, timeout: config.PUBLISH_TIMEOUT_MS });
  const limiter = resources.use(
    await openLimiter(connection, {
      memberId: memberId(config),
      replicas: await bucketReplicas(manager),
      onFault: (error) => logger.warn(errorFields(error), 'limiter.interrupted'),
    }),
  );
  started.limiter = limiter;
  const publisher = tracePublisher(createPublisher(connection, config.PUBLISH_TIMEOUT_MS));
  started.publisher = publisher;

  const shards = config.EVENTS_SHARDS;
  const checks = createClientChecks(config, limiter, metrics);
  const shared = {
    ...{ directory, now, publisher, shards, ...checks },
    replay: createReplayStore(connection, publisher),
    readStored: createStoredReader(manager),
    outageRetryAfter: () => outage.retryAfter(),
  };
  const tokenRules = { allowHs256: config.ALLOW_HS256 };
  const held = createHeldEvents({ manager, shards, defaultMax: config.MAX_HELD_EVENTS, now });
  const api = resources.use(
    await openApi(config, {
      http: {
        ...{ connections, tarpit, load, logger, ...room },
        findClient: createFindClient(parseRanges(config.TRUSTED_PROXIES)),
        checkClient: checks.checkClient,
      },
      ingest: {
        ...{ ...shared, ...room, keyring, metrics },
        rules: () => ({ ...tokenRules, catalogue: catalogue.current() }),
        admitHeld: held.admit,
        sealEvents: config.SEAL_EVENTS,
      },
      state: { ...shared, rules: () => tokenRules, takenUpTo: readTakenUpTo(manager) },
      catalogue: catalogue.current,
      ...{ metrics, logger },
    }),
  );
  started.api = api;
  resources.defer(() => stopping.abort());
  const owned = resources.move();
  logger.info({ api_url: api.url, ops_url: ops.url, event_types: catalogue.current().size }, 'service.started');
  return { apiUrl: api.url, opsUrl: ops.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The same after a restart, so that a replica takes its predecessor's place in the limits; only a free port cannot promise that. */
function memberId({ HTTP_PORT: port }: Config): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-');
  return `${host}-${port === 0 ? randomUUID().slice(0, 8) : port}`;
}

/** A fault where the server would refuse the largest events, one by one and without end; a reconnect may lead to another server. */
function roomFor({ maxPayload }: Connection): string[] {
  const isEnough = maxPayload() >= MAX_EVENT_MESSAGE_BYTES;
  return isEnough
    ? []
    : [`the max_payload of NATS is ${maxPayload()} bytes, and an event may have ${MAX_EVENT_MESSAGE_BYTES}`];
}

/** As many copies as the sites are kept in: 3 in a cluster. One where that bucket is not there yet. */
async function bucketReplicas(manager: JetStreamManager): Promise<number> {
  const sites = await manager.streams.info(`KV_${SITES_BUCKET}`).catch(() => undefined);
  return sites?.config.num_replicas ?? 1;
}
