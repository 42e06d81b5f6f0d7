import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { Kvm } from '@nats-io/kv';
import { SITES_BUCKET } from '@pressferry/contracts';
import { type Database, openDatabase } from '@pressferry/database';
import { type Connection, createPublisher, openConnection, type Publisher } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  enableTraceContext,
  errorFields,
  type Keyring,
  type Logger,
  startOpsServer,
} from '@pressferry/runtime';
import { followSites, type SiteDirectory } from '@pressferry/sites';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { buildApi } from './api/build.ts';
import { createRateLimiter } from './api/rate-limit.ts';
import type { Config } from './config.ts';
import { createDatabaseGate, type DatabaseGate } from './db/gate.ts';
import { createDeadLetterPublisher, type PublishDeadLetter } from './dead-letter.ts';
import { type Breaker, createBreaker } from './delivery/breaker.ts';
import { stopCallback } from './delivery/stop-endpoint.ts';
import { startWorker, type Worker } from './delivery/worker.ts';
import { createResolve, type Resolve } from './http/resolve.ts';
import { createTransport } from './http/transport.ts';
import { runIntake } from './intake.ts';
import { startHousekeeping } from './loops/housekeeping.ts';
import { createMetrics, type Metrics } from './metrics.ts';

export { type Config, configSchema } from './config.ts';

/** A running callback. Disposal takes no more work, lets attempts in hand finish or gives them back, and closes what was opened. */
export interface Callback extends AsyncDisposable {
  apiUrl: string;
  opsUrl: string;
}

/** What the caller may put in the place of the real thing. */
export interface CallbackDeps {
  logger?: Logger;
  now?: () => number;
  /** From 0 up to 1. */
  random?: () => number;
  resolve?: Resolve;
  /** PEM of an authority to trust instead of the usual ones. */
  ca?: string;
  /** Called where a loop ended that must not end. */
  fail?: (error: unknown) => void;
}

/** What every part gets. */
interface Parts {
  config: Config;
  logger: Logger;
  now: () => number;
  random: () => number;
  keyring: Keyring;
  db: Database;
  gate: DatabaseGate;
  breaker: Breaker;
  metrics: Metrics;
  connection: Connection;
  publisher: Publisher;
  publishDeadLetter: PublishDeadLetter;
  directory: SiteDirectory;
  /** Aborted when disposal begins. */
  stopping: AbortSignal;
  onInterruption: (loop: 'worker' | 'housekeeping') => (error: unknown) => void;
}

/** Starts callback: intake, worker, results API, ops server. Resolves once the API listens, which needs NATS; Postgres may be down. */
export async function startCallback(config: Config, deps: CallbackDeps = {}): Promise<Callback> {
  enableTraceContext();
  await using resources = new AsyncDisposableStack();
  const { logger = createLogger('callback', config.LOG_LEVEL), now = Date.now, random = Math.random } = deps;
  const stop = new AbortController();
  const started: { worker?: Worker; connection?: Connection; directory?: SiteDirectory } = {};
  const keyring = createKeyring(config.SEALING_KEYS);

  const db = openDatabase({
    url: config.DATABASE_URL,
    applicationName: 'pressferry-callback',
    poolSize: config.DATABASE_POOL_SIZE,
    onError: (error) => logger.warn(errorFields(error), 'database.connection_lost'),
  });
  resources.defer(() => db.destroy());
  const gate = createDatabaseGate(db);
  const breaker = createBreaker(breakerSettings(config), random);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = createMetrics(registry, {
    attemptsInHand: () => started.worker?.inHand() ?? 0,
    openBreakers: breaker.openCount,
    databaseUp: gate.isUp,
  });

  // Postgres is no part of readiness: without it a poll is still answered, with a 503 that says when to come back.
  const readiness = (): string[] => [
    ...(started.connection?.isConnected() ? [] : ['NATS is not connected']),
    ...(started.directory?.isReady() ? [] : ['the sites have not been read']),
    ...(stop.signal.aborted ? ['stopping'] : []),
  ];
  const ops = await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT }, registry, readiness);
  resources.use(ops);

  const connection = resources.use(
    await openConnection({ url: config.NATS_URL, name: 'callback', credentialsFile: config.NATS_CREDENTIALS }),
  );
  started.connection = connection;
  const directory = resources.use(
    followSites(connection, keyring, {
      onFault: ({ siteId, error }) => logger.error({ ...errorFields(error), site_id: siteId }, 'site.unusable'),
    }),
  );
  started.directory = directory;
  const publisher = createPublisher(connection, config.PUBLISH_TIMEOUT_MS);

  const onInterruption = (loop: 'worker' | 'housekeeping') => (error: unknown) => {
    metrics.interruption(loop);
    logger.warn(errorFields(error), `${loop}.interrupted`);
  };
  const publishDeadLetter = createDeadLetterPublisher(publisher);
  const shared = { config, logger, now, random, keyring, db, gate, breaker, metrics };
  const parts: Parts = {
    ...shared,
    ...{ connection, publisher, publishDeadLetter, directory, stopping: stop.signal, onInterruption },
  };

  const worker = openWorker(parts, deps, resources);
  started.worker = worker;
  openHousekeeping(parts, worker.kick, resources);
  openIntake(parts, worker.kick, deps.fail, resources);
  const apiUrl = await openApi(parts, resources);
  resources.defer(() => stop.abort());

  const owned = resources.move();
  logger.info({ api_url: apiUrl, ops_url: ops.url }, 'service.started');
  return { apiUrl, opsUrl: ops.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const breakerSettings = (config: Config) => ({
  failures: config.BREAKER_FAILURES,
  probeMinMs: config.BREAKER_PROBE_MIN_MS,
  probeMaxMs: config.BREAKER_PROBE_MAX_MS,
});

/** Of the time that a shutdown may take, what attempts in hand get before they are broken off and given back. */
const DRAIN_SHARE = 0.7;

function openWorker(parts: Parts, deps: CallbackDeps, resources: AsyncDisposableStack): Worker {
  const { config, db, connection, directory, onInterruption } = parts;
  const transport = resources.use(
    createTransport({
      allowPrivate: config.ALLOW_PRIVATE_ADDRESSES,
      connectTimeoutMs: config.CONNECT_TIMEOUT_MS,
      attemptTimeoutMs: config.ATTEMPT_TIMEOUT_MS,
      resolve: deps.resolve ?? createResolve(),
      ca: deps.ca,
    }),
  );
  const openBucket = () => new Kvm(connection.nats).open(SITES_BUCKET);
  return resources.use(
    startWorker({
      ...parts,
      transport,
      stopCallback: (siteId, url) => stopCallback(siteId, url, { db, openBucket, directory }),
      owner: `${hostname()}:${randomUUID()}`,
      allowHttp: config.ALLOW_HTTP_CALLBACKS,
      scheduleMs: config.RETRY_SCHEDULE_MS,
      shards: config.EVENTS_SHARDS,
      concurrency: config.CONCURRENCY,
      siteConcurrency: config.SITE_CONCURRENCY,
      leaseMs: config.LEASE_MS,
      pollIntervalMs: config.POLL_INTERVAL_MS,
      resumeSpacingMs: config.RESUME_SPACING_MS,
      drainMs: config.SHUTDOWN_GRACE_MS * DRAIN_SHARE,
      onInterruption: onInterruption('worker'),
      onFault: onInterruption('worker'),
    }),
  );
}

function openHousekeeping(parts: Parts, onDue: () => void, resources: AsyncDisposableStack): void {
  const resumeSpacingMs = parts.config.RESUME_SPACING_MS;
  const onInterruption = parts.onInterruption('housekeeping');
  resources.use(startHousekeeping({ ...parts, resumeSpacingMs, onDue, onInterruption }));
}

function openIntake(
  parts: Parts,
  onDue: () => void,
  fail: CallbackDeps['fail'],
  resources: AsyncDisposableStack,
): void {
  const stop = new AbortController();
  const intake = runIntake({ ...parts, onDue }, stop.signal).catch((error: unknown) => fail?.(error));
  resources.defer(async () => {
    stop.abort();
    await intake;
  });
}

async function openApi(parts: Parts, resources: AsyncDisposableStack): Promise<string> {
  const { config } = parts;
  const defaultRate = { perMinute: config.RATE_LIMIT_SITE_PER_MINUTE, burst: config.RATE_LIMIT_SITE_BURST };
  const limits = { limiter: createRateLimiter(), defaultRate, allowHs256: config.ALLOW_HS256 };
  const api = buildApi({ ...parts, ...limits }, config.REQUEST_TIMEOUT_MS);
  resources.defer(() => api.close());
  await api.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT });
  const { port } = api.server.address() as AddressInfo;
  return `http://${config.HTTP_HOST === '0.0.0.0' ? '127.0.0.1' : config.HTTP_HOST}:${port}`;
}
