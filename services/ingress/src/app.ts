import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { eventsStream, MAX_EVENT_MESSAGE_BYTES, SITES_BUCKET } from '@pressferry/contracts';
import {
  type Connection,
  createPublisher,
  measureJetStream,
  openConnection,
  type Publisher,
} from '@pressferry/jetstream';
import { type Limiter, memberIdOf, openLimiter, replicasOf } from '@pressferry/limiter';
import {
  createKeyring,
  createLogger,
  createReadiness,
  createRegistry,
  errorFields,
  type Keyring,
  type Logger,
  type ReadinessBoard,
  startOpsServer,
} from '@pressferry/runtime';
import { createReplayStore, followSites, logRegistryFault, type SiteDirectory } from '@pressferry/sites';
import type { Registry } from 'prom-client';
import { type Api, openApi } from './api.ts';
import type { FollowedCatalogue } from './catalogue/follow.ts';
import { openCatalogue } from './catalogue/open.ts';
import { createClientChecks } from './client-checks.ts';
import type { Config } from './config.ts';
import { createCapacity } from './http/capacity.ts';
import { createFindClient } from './http/client.ts';
import { createConnections } from './http/connections.ts';
import { createLoad, overloaded } from './http/overload.ts';
import { parseRanges } from './http/ranges.ts';
import { createTarpit } from './http/tarpit.ts';
import { createHeldEvents } from './ingest/held-events.ts';
import { createOutage, type Outage } from './ingest/outage.ts';
import { createStoredReader, readTakenUpTo } from './ingest/stored-events.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { tracePublisher } from './tracing.ts';

export { type Config, configSchema } from './config.ts';

export interface IngressDeps {
  logger?: Logger;
  now?: () => number;
}

/** Disposal stops listening, answers what is in flight, then closes what was opened. */
export interface Ingress extends AsyncDisposable {
  apiUrl: string;
  opsUrl: string;
}

interface Context {
  config: Config;
  logger: Logger;
  now: () => number;
  keyring: Keyring;
  registry: Registry;
  metrics: Metrics;
  readiness: ReadinessBoard<'nats' | 'sites' | 'api'>;
  resources: AsyncDisposableStack;
}

/** Resolves once it listens, which needs only NATS; rejects with a `ConfigError` on a faulty configuration. */
export async function startIngress(config: Config, deps: IngressDeps = {}): Promise<Ingress> {
  await using resources = new AsyncDisposableStack();
  const context = createContext(config, deps, resources);
  const { logger, registry, readiness } = context;
  const catalogue = openEventTypes(context);
  const ops = resources.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, readiness.faults),
  );
  const nats = await openNats(context);
  const directory = openSites(nats, context);
  const limiter = await openLimits(nats, context);
  const api = await openHttp({ catalogue, nats, directory, limiter }, context);
  const owned = resources.move();
  logger.info({ api_url: api.url, ops_url: ops.url, event_types: catalogue.current().size }, 'service.started');
  return { apiUrl: api.url, opsUrl: ops.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function createContext(config: Config, deps: IngressDeps, resources: AsyncDisposableStack): Context {
  const { logger = createLogger('ingress', config.LOG_LEVEL), now = Date.now } = deps;
  const registry = createRegistry();
  return {
    ...{ config, logger, now, registry, resources },
    keyring: createKeyring(config.SEALING_KEYS),
    metrics: createMetrics(registry),
    readiness: createReadiness({
      nats: 'NATS is not connected',
      sites: 'the sites have not been read',
      api: 'not listening yet',
    }),
  };
}

function openEventTypes({ config, metrics, logger, resources }: Context): FollowedCatalogue {
  const catalogue = resources.use(openCatalogue(config.EVENT_TYPES_DIRS, metrics, logger));
  metrics.show({ eventTypes: () => catalogue.current().size });
  return catalogue;
}

interface Nats {
  connection: Connection;
  manager: JetStreamManager;
  publisher: Publisher;
  outage: Outage;
}

/** Waits for NATS without a limit; readiness shows the reason meanwhile. */
async function openNats({ config, registry, metrics, readiness, resources }: Context): Promise<Nats> {
  const events = Array.from({ length: config.EVENTS_SHARDS }, (_, shard) => eventsStream(shard));
  const streams = [...events, 'REPLAY', `KV_${SITES_BUCKET}`];
  const measure = measureJetStream(registry, { streams, consumers: [] });
  const connection = resources.use(
    await openConnection({
      url: config.NATS_URL,
      name: 'pressferry-ingress',
      credentialsFile: config.NATS_CREDENTIALS,
    }),
  );
  measure.follow(connection);
  readiness.follow('nats', () => (connection.isConnected() ? payloadFaults(connection) : ['NATS is not connected']));
  const outage = createOutage(connection.isConnected);
  connection.onDisconnect(outage.onDisconnect);
  // The same time bound as for writes: a 503 must come within 2 s.
  const manager = await jetstreamManager(connection.nats, { checkAPI: false, timeout: config.PUBLISH_TIMEOUT_MS });
  const publisher = tracePublisher(createPublisher(connection, config.PUBLISH_TIMEOUT_MS));
  metrics.show({ publishesPending: publisher.pending });
  return { connection, manager, publisher, outage };
}

/** A fault if the server would refuse the largest events; a reconnect may lead to another server. */
function payloadFaults({ maxPayload }: Connection): string[] {
  const isEnough = maxPayload() >= MAX_EVENT_MESSAGE_BYTES;
  return isEnough
    ? []
    : [`the max_payload of NATS is ${maxPayload()} bytes, and an event may have ${MAX_EVENT_MESSAGE_BYTES}`];
}

function openSites(
  { connection }: Nats,
  { config, keyring, metrics, logger, readiness, resources }: Context,
): SiteDirectory {
  const directory = resources.use(
    followSites(connection, keyring, {
      maxAgeMs: config.REGISTRY_MAX_AGE_MS,
      onFault: (fault) => {
        metrics.registryFault();
        logRegistryFault(fault, logger);
      },
    }),
  );
  readiness.follow('sites', directory.faults);
  metrics.show({
    sites: () => directory.count().sites,
    faultySites: () => directory.count().faulty,
    registryAge: directory.ageSeconds,
  });
  return directory;
}

/** Equal in every release: replicas of two releases share limits during an update. */
const LIMITS_CLUSTER = { bucket: 'ingress_members', subject: 'pf.limits' };

async function openLimits({ connection }: Nats, { config, metrics, logger, resources }: Context): Promise<Limiter> {
  const limiter = resources.use(
    await openLimiter(connection, {
      cluster: LIMITS_CLUSTER,
      memberId: memberIdOf(config.HTTP_PORT),
      replicas: await replicasOf(connection.nats, SITES_BUCKET, config.PUBLISH_TIMEOUT_MS),
      onFault: (error) => logger.warn(errorFields(error), 'limiter.interrupted'),
    }),
  );
  metrics.show({ limitShare: () => limiter.state().share, limitKeys: () => limiter.state().keys });
  return limiter;
}

interface Opened {
  catalogue: FollowedCatalogue;
  nats: Nats;
  directory: SiteDirectory;
  limiter: Limiter;
}

async function openHttp(opened: Opened, context: Context): Promise<Api> {
  const { catalogue, directory, limiter } = opened;
  const { connection, manager, publisher, outage } = opened.nats;
  const { config, keyring, metrics, logger, now, readiness, resources } = context;
  const shards = config.EVENTS_SHARDS;
  const checks = createClientChecks(config, limiter, metrics);
  const tokenRules = { allowHs256: config.ALLOW_HS256 };
  const load = createLoad();
  const room = {
    capacity: createCapacity(config.MAX_IN_FLIGHT, config.MAX_BUFFERED_BYTES),
    overloaded: () => overloaded(load),
  };
  const http = {
    ...{ load, logger, ...room },
    connections: createConnections(config.MAX_CONNECTIONS),
    tarpit: createTarpit(config.REFUSAL_DELAY_MS),
    findClient: createFindClient(parseRanges(config.TRUSTED_PROXIES)),
    checkClient: checks.checkClient,
  };
  metrics.show({
    inFlight: () => room.capacity.inFlight,
    bufferedBytes: () => room.capacity.bufferedBytes,
    connections: http.connections.count,
    refusalsKeptBack: http.tarpit.held,
  });
  const shared = {
    ...{ directory, now, publisher, shards, ...checks },
    replay: createReplayStore(connection, publisher),
    readStored: createStoredReader(manager),
    outageRetryAfter: outage.retryAfter,
  };
  const ingest = {
    ...{ ...shared, ...room, keyring, metrics },
    rules: () => ({ ...tokenRules, catalogue: catalogue.current() }),
    admitHeld: createHeldEvents({ manager, shards, defaultMax: config.MAX_HELD_EVENTS, now }).admit,
    sealEvents: config.SEAL_EVENTS,
  };
  const state = { ...shared, rules: () => tokenRules, takenUpTo: readTakenUpTo(manager) };
  const api = resources.use(
    await openApi(config, { http, ingest, state, catalogue: catalogue.current, metrics, logger }),
  );
  readiness.follow('api', () => []);
  resources.defer(() => readiness.follow('api', () => ['stopping']));
  return api;
}
