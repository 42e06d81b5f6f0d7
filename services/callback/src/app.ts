import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { openDatabase, REPLY_WITHIN_MS } from '@pressferry/database';
import { createPublisher, measureJetStream, openConnection } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  createReadiness,
  createRegistry,
  enableTraceContext,
  errorFields,
  type Keyring,
  type Logger,
  type ReadinessBoard,
  startOpsServer,
} from '@pressferry/runtime';
import { followSites, logRegistryFault, type SiteDirectory } from '@pressferry/sites';
import { createDeadLetters, createShutdown, watchDatabase } from '@pressferry/worker';
import type { Registry } from 'prom-client';
import type { Config } from './config.ts';
import { createDeliveryLetters } from './delivery/delivery-letter.ts';
import { createEndpoints } from './delivery/endpoints.ts';
import { createFleetWatch } from './delivery/fleet.ts';
import { RESULTS_CONSUMER } from './intake.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openApi, openPokes } from './site-wiring.ts';
import {
  type CallbackDeps,
  openEndpointSync,
  openHousekeeping,
  openIntake,
  openReconciler,
  openWorker,
  type SharedDeps,
} from './wiring.ts';

export { type Config, configSchema } from './config.ts';
export type { CallbackDeps } from './wiring.ts';

/** Disposal claims no more work, lets attempts in flight finish or gives them back, then closes what was opened. */
export interface Callback extends AsyncDisposable {
  apiUrl: string;
  opsUrl: string;
}

interface Context {
  config: Config;
  logger: Logger;
  now: () => number;
  random: () => number;
  keyring: Keyring;
  registry: Registry;
  metrics: Metrics;
  readiness: ReadinessBoard<'nats' | 'sites' | 'api'>;
  resources: AsyncDisposableStack;
}

/** Resolves once the API listens, which needs NATS; Postgres may be down. */
export async function startCallback(config: Config, deps: CallbackDeps = {}): Promise<Callback> {
  enableTraceContext();
  await using resources = new AsyncDisposableStack();
  const context = createContext(config, deps, resources);
  const { logger, registry, readiness } = context;
  const shutdown = createShutdown(config.SHUTDOWN_GRACE_MS);
  const storage = openStorage(context);
  const ops = resources.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, readiness.faults),
  );
  const nats = await openNats(context);
  const directory = openSites(nats, context);
  const shared: SharedDeps = {
    ...context,
    ...storage,
    ...nats,
    ...openEndpoints(context),
    directory,
    owner: `${hostname()}:${randomUUID()}`,
    ...shutdown,
  };
  const sync = openEndpointSync(shared, resources);
  const worker = openWorker(shared, sync, deps, resources);
  openHousekeeping(shared, () => worker.kick(), resources);
  openReconciler(shared, resources);
  openPokes(shared, deps, resources);
  openIntake(shared, worker, deps.fail, resources);
  const apiUrl = await openApi(shared, resources);
  readiness.follow('api', () => []);

  const owned = resources.move();
  const close = async (): Promise<void> => {
    readiness.follow('api', () => ['stopping']);
    await shutdown.end(() => owned.disposeAsync());
  };
  logger.info({ api_url: apiUrl, ops_url: ops.url }, 'service.started');
  return { apiUrl, opsUrl: ops.url, [Symbol.asyncDispose]: close };
}

/** Postgres is not part of readiness: without it, a poll is answered with 503 and Retry-After. */
function createContext(config: Config, deps: CallbackDeps, resources: AsyncDisposableStack): Context {
  const { logger = createLogger('callback', config.LOG_LEVEL), now = Date.now, random = Math.random } = deps;
  const registry = createRegistry();
  return {
    ...{ config, logger, now, random, registry, resources },
    keyring: createKeyring(config.SEALING_KEYS),
    metrics: createMetrics(registry),
    readiness: createReadiness({
      nats: 'NATS is not connected',
      sites: 'the sites have not been read',
      api: 'not listening yet',
    }),
  };
}

function openStorage({ config, logger, metrics, resources }: Context): Pick<SharedDeps, 'db' | 'health'> {
  const db = openDatabase({
    url: config.DATABASE_URL,
    applicationName: 'pressferry-callback',
    poolSize: config.DATABASE_POOL_SIZE,
    genericPlans: true,
    replyWithinMs: REPLY_WITHIN_MS,
    onError: (error) => logger.warn(errorFields(error), 'database.connection_lost'),
  });
  resources.defer(() => db.destroy());
  const health = resources.use(watchDatabase({ url: config.DATABASE_URL, worker: 'callback' }));
  metrics.show({ databaseUp: () => Number(health.isUp()) });
  return { db, health };
}

type Nats = Pick<SharedDeps, 'connection' | 'publisher' | 'publishDeadLetter' | 'publishDeliveryLetter'>;

/** Waits for NATS without a limit; readiness shows the reason meanwhile. */
async function openNats({ config, now, registry, metrics, readiness, resources }: Context): Promise<Nats> {
  const measure = measureJetStream(registry, { streams: [], consumers: [RESULTS_CONSUMER] });
  const connection = resources.use(
    await openConnection({
      url: config.NATS_URL,
      name: 'pressferry-callback',
      credentialsFile: config.NATS_CREDENTIALS,
    }),
  );
  measure.follow(connection);
  readiness.follow('nats', () => (connection.isConnected() ? [] : ['NATS is not connected']));
  const publisher = createPublisher(connection, config.PUBLISH_TIMEOUT_MS);
  const publishDeadLetter = createDeadLetters({ stage: 'callback', publisher, now, onPublished: metrics.deadLetter });
  return {
    connection,
    publisher,
    publishDeadLetter,
    publishDeliveryLetter: createDeliveryLetters(publishDeadLetter, config.EVENTS_SHARDS, now),
  };
}

function openSites({ connection }: Nats, context: Context): SiteDirectory {
  const { config, keyring, metrics, logger, readiness, resources } = context;
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

function openEndpoints({ config, random, metrics }: Context): Pick<SharedDeps, 'endpoints' | 'fleet'> {
  const fleet = createFleetWatch();
  const settings = {
    failures: config.BREAKER_FAILURES,
    probeMinMs: config.BREAKER_PROBE_MIN_MS,
    probeMaxMs: config.BREAKER_PROBE_MAX_MS,
    goneHoldMs: config.GONE_HOLD_MS,
  };
  const endpoints = createEndpoints(settings, fleet, random);
  metrics.show({
    openBreakers: () => endpoints.openSites().length,
    isFleetSuspect: () => Number(fleet.isSuspect(performance.now())),
  });
  return { endpoints, fleet };
}
