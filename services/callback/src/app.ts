import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { openDatabase } from '@pressferry/database';
import { type Connection, createPublisher, measureJetStream, openConnection } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  createRegistry,
  enableTraceContext,
  errorFields,
  startOpsServer,
} from '@pressferry/runtime';
import { followSites, logRegistryFault, type SiteDirectory } from '@pressferry/sites';
import { createDeadLetters, watchDatabase } from '@pressferry/worker';
import type { Config } from './config.ts';
import { createBury } from './delivery/bury.ts';
import { createEndpoints } from './delivery/endpoints.ts';
import { createFleetWatch } from './delivery/fleet.ts';
import type { Worker } from './delivery/worker.ts';
import { RESULTS_CONSUMER } from './intake.ts';
import { createMetrics, type Loop } from './metrics.ts';
import {
  type CallbackDeps,
  openApi,
  openEndpointSync,
  openHousekeeping,
  openIntake,
  openReconciler,
  openWorker,
  type Parts,
} from './parts.ts';
import { openPokes } from './site-parts.ts';

export { type Config, configSchema } from './config.ts';
export type { CallbackDeps } from './parts.ts';

/** A running callback. Disposal takes no more work, lets attempts in flight finish or gives them back, and closes what was opened. */
export interface Callback extends AsyncDisposable {
  apiUrl: string;
  opsUrl: string;
}

/** Of the time that a shutdown may take, after how much what the database has not taken is let go; attempts were broken off before. */
const GIVE_UP_SHARE = 0.85;

/** Starts callback: intake, worker, results API, ops server. Resolves once the API listens, which needs NATS; Postgres may be down. */
export async function startCallback(config: Config, deps: CallbackDeps = {}): Promise<Callback> {
  enableTraceContext();
  await using resources = new AsyncDisposableStack();
  const { logger = createLogger('callback', config.LOG_LEVEL), now = Date.now, random = Math.random } = deps;
  const stop = new AbortController();
  const giveUp = new AbortController();
  const started: { worker?: Worker; connection?: Connection; directory?: SiteDirectory } = {};
  const keyring = createKeyring(config.SEALING_KEYS);

  const db = openDatabase({
    url: config.DATABASE_URL,
    applicationName: 'pressferry-callback',
    poolSize: config.DATABASE_POOL_SIZE,
    genericPlans: true,
    onError: (error) => logger.warn(errorFields(error), 'database.connection_lost'),
  });
  resources.defer(() => db.destroy());
  const health = resources.use(watchDatabase({ url: config.DATABASE_URL, worker: 'callback' }));
  const fleet = createFleetWatch();
  const endpoints = createEndpoints(endpointSettings(config), fleet, random);
  const registry = createRegistry();
  measureJetStream(registry, () => started.connection, { streams: [], consumers: [RESULTS_CONSUMER] });
  const metrics = createMetrics(registry, {
    attemptsInHand: () => started.worker?.inHand() ?? 0,
    openBreakers: () => endpoints.openSites().length,
    isFleetSuspect: () => fleet.isSuspect(now()),
    databaseUp: health.isUp,
    sites: () => started.directory?.count().sites ?? 0,
    faultySites: () => started.directory?.count().faulty ?? 0,
    registryAge: () => started.directory?.ageSeconds() ?? 0,
  });

  // Postgres is not part of readiness: without it a poll is still answered, with a 503 that says when to come back.
  const readiness = (): string[] => [
    ...(started.connection?.isConnected() ? [] : ['NATS is not connected']),
    ...(started.directory?.faults() ?? ['the sites have not been read']),
    ...(stop.signal.aborted ? ['stopping'] : []),
  ];
  const ops = await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, readiness);
  resources.use(ops);

  const connection = resources.use(
    await openConnection({
      url: config.NATS_URL,
      name: 'pressferry-callback',
      credentialsFile: config.NATS_CREDENTIALS,
    }),
  );
  started.connection = connection;
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
  const publisher = createPublisher(connection, config.PUBLISH_TIMEOUT_MS);

  const onInterruption = (loop: Loop) => (error: unknown) => {
    metrics.interruption(loop);
    logger.warn(errorFields(error), `${loop}.interrupted`);
  };
  const publishDeadLetter = createDeadLetters({ stage: 'callback', publisher, now, onPublished: metrics.deadLetter });
  const bury = createBury(publishDeadLetter, config.EVENTS_SHARDS, now);
  const shared = { config, logger, now, random, keyring, db, health, endpoints, fleet, metrics };
  const owner = `${hostname()}:${randomUUID()}`;
  const parts: Parts = {
    ...shared,
    ...{ connection, publisher, publishDeadLetter, bury, directory, owner, onInterruption },
    ...{ stopping: stop.signal, giveUp: giveUp.signal },
  };

  const sync = openEndpointSync(parts, resources);
  const worker = openWorker(parts, sync, deps, resources);
  started.worker = worker;
  openHousekeeping(parts, () => worker.kick(), resources);
  openReconciler(parts, resources);
  openPokes(parts, deps, resources);
  openIntake(parts, worker, deps.fail, resources);
  const apiUrl = await openApi(parts, resources);

  const owned = resources.move();
  const close = async (): Promise<void> => {
    stop.abort();
    const timer = setTimeout(() => giveUp.abort(), config.SHUTDOWN_GRACE_MS * GIVE_UP_SHARE);
    await owned.disposeAsync();
    clearTimeout(timer);
  };
  logger.info({ api_url: apiUrl, ops_url: ops.url }, 'service.started');
  return { apiUrl, opsUrl: ops.url, [Symbol.asyncDispose]: close };
}

const endpointSettings = (config: Config) => ({
  failures: config.BREAKER_FAILURES,
  probeMinMs: config.BREAKER_PROBE_MIN_MS,
  probeMaxMs: config.BREAKER_PROBE_MAX_MS,
  goneHoldMs: config.GONE_HOLD_MS,
});
