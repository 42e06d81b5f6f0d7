import type { Database } from '@pressferry/database';
import type { Connection, Publisher } from '@pressferry/jetstream';
import { errorFields, type Keyring, type Logger } from '@pressferry/runtime';
import type { SiteDirectory } from '@pressferry/sites';
import {
  type Batcher,
  createBatcher,
  createLanes,
  createResolve,
  type DatabaseHealth,
  openLeases,
  type PublishDeadLetter,
  type Resolve,
  type Shutdown,
} from '@pressferry/worker';
import type { Config } from './config.ts';
import { renewLeases } from './db/claim.ts';
import { type NewDelivery, type Stored, storeDeliveries, tryDelivery } from './db/intake.ts';
import { type AttemptRecord, type Recorded, recordAttempts, tryRecord } from './db/record.ts';
import { type Agenda, createAgenda } from './delivery/agenda.ts';
import type { PublishDeliveryLetter } from './delivery/delivery-letter.ts';
import type { Endpoints } from './delivery/endpoints.ts';
import type { FleetWatch } from './delivery/fleet.ts';
import { createPace } from './delivery/pace.ts';
import { stopEverywhere } from './delivery/stop-endpoint.ts';
import { startWorker, type Worker } from './delivery/worker.ts';
import { createTransport } from './http/transport.ts';
import { runIntake } from './intake.ts';
import { type EndpointSync, startEndpointSync } from './loops/endpoints.ts';
import { startHousekeeping } from './loops/housekeeping.ts';
import { startReconciler } from './loops/reconcile.ts';
import type { Loop, Metrics } from './metrics.ts';

/** Replaceable in tests. */
export interface CallbackDeps {
  logger?: Logger;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
  resolve?: Resolve;
  /** PEM of a CA to trust instead of the default ones. */
  ca?: string;
  /** Called when a loop ends that must not end. */
  fail?: (error: unknown) => void;
}

export interface SharedDeps extends Omit<Shutdown, 'end'> {
  config: Config;
  logger: Logger;
  now: () => number;
  random: () => number;
  keyring: Keyring;
  db: Database;
  health: DatabaseHealth;
  /** This replica's name in leases. */
  owner: string;
  endpoints: Endpoints;
  fleet: FleetWatch;
  metrics: Metrics;
  connection: Connection;
  publisher: Publisher;
  publishDeadLetter: PublishDeadLetter;
  publishDeliveryLetter: PublishDeliveryLetter;
  directory: SiteDirectory;
}

/** Counts and logs that a loop lost a dependency and restarts. */
export const interruptionOf =
  ({ metrics, logger }: Pick<SharedDeps, 'metrics' | 'logger'>, loop: Loop) =>
  (error: unknown): void => {
    metrics.interruption(loop);
    logger.warn(errorFields(error), `${loop}.interrupted`);
  };

/** The shortest time between two statements that store outcomes. */
const RECORD_GAP_MS = 25;
/** How long an outcome waits for others to share its statement, while nothing else is due. */
const RECORD_LINGER_MS = 100;

export function openEndpointSync(shared: SharedDeps, resources: AsyncDisposableStack): EndpointSync {
  return resources.use(startEndpointSync({ ...shared, onInterruption: interruptionOf(shared, 'endpoints') }));
}

function openRecords(
  { db, health, stopping, givingUp, metrics, logger }: SharedDeps,
  agenda: Pick<Agenda, 'isOpen'>,
): Batcher<AttemptRecord, Recorded> {
  return createBatcher<AttemptRecord, Recorded>({
    write: (records) => recordAttempts(db, records),
    writeCanary: (like) => tryRecord(db, like),
    keyOf: ({ resultId }) => resultId,
    health,
    stop: givingUp,
    // No one waits for it, because the site has its result; but while more is due, its place is wanted.
    limits: { gapMs: RECORD_GAP_MS },
    lingerMs: () => (agenda.isOpen() || stopping.aborted ? 0 : RECORD_LINGER_MS),
    onHeld: (error, attempts) => {
      metrics.interruption('worker');
      logger.warn({ ...errorFields(error), attempts }, 'attempts.held');
    },
  });
}

/** Connections to sites: the worker has its own, and so have the pokes. */
export const openTransport = ({ config }: SharedDeps, deps: CallbackDeps, resources: AsyncDisposableStack) =>
  resources.use(
    createTransport({
      allowPrivate: config.ALLOW_PRIVATE_ADDRESSES,
      connectTimeoutMs: config.CONNECT_TIMEOUT_MS,
      resolve: deps.resolve ?? createResolve(),
      ca: deps.ca,
    }),
  );

export function openWorker(
  shared: SharedDeps,
  sync: EndpointSync,
  deps: CallbackDeps,
  resources: AsyncDisposableStack,
): Worker {
  const { config, owner, db, connection, directory } = shared;
  const agenda = createAgenda();
  const transport = openTransport(shared, deps, resources);
  const worker = resources.use(
    startWorker({
      ...shared,
      transport,
      stopEverywhere: (endpoint, reason) => stopEverywhere(endpoint, reason, { db, nats: connection.nats, directory }),
      agenda,
      lanes: createLanes({ leastPauseMs: 0 }),
      records: openRecords(shared, agenda),
      leases: resources.use(
        openLeases<string>({
          ...{ url: config.DATABASE_URL, worker: 'callback', leaseMs: config.LEASE_MS },
          renew: (leaseDb, resultIds) => renewLeases(leaseDb, resultIds, { owner, leaseMs: config.LEASE_MS }),
          onError: interruptionOf(shared, 'worker'),
        }),
      ),
      allowHttp: config.ALLOW_HTTP_CALLBACKS,
      scheduleMs: config.RETRY_SCHEDULE_MS,
      pace: createPace({
        initial: config.SITE_CONCURRENCY,
        max: config.SITE_CONCURRENCY_MAX,
        slowMs: config.SLOW_AFTER_MS,
      }),
      plan: {
        slots: { quick: config.CONCURRENCY, slow: config.SLOW_CONCURRENCY },
        slowMs: config.SLOW_AFTER_MS,
        siteConcurrency: config.SITE_CONCURRENCY,
      },
      breakerFailures: config.BREAKER_FAILURES,
      attemptTimeoutMs: config.ATTEMPT_TIMEOUT_MS,
      firstAttemptTimeoutMs: config.FIRST_ATTEMPT_TIMEOUT_MS,
      flushEndpoints: sync.flush,
      leaseMs: config.LEASE_MS,
      pollIntervalMs: config.POLL_INTERVAL_MS,
      resumeSpacingMs: config.RESUME_SPACING_MS,
      onInterruption: interruptionOf(shared, 'worker'),
      onFault: interruptionOf(shared, 'worker'),
    }),
  );
  shared.metrics.show({ attemptsInFlight: worker.inFlight });
  return worker;
}

export function openHousekeeping(shared: SharedDeps, onDue: () => void, resources: AsyncDisposableStack): void {
  const { config } = shared;
  const { RESUME_SPACING_MS: resumeSpacingMs, RETRY_SCHEDULE_MS: scheduleMs, SWEEP_AFTER_MS: sweepAfterMs } = config;
  const overdueMs = scheduleMs.reduce((sum, stepMs) => sum + stepMs, 0);
  const onInterruption = interruptionOf(shared, 'housekeeping');
  const rules = { resumeSpacingMs, sweepAfterMs, overdueMs, breakerFailures: config.BREAKER_FAILURES };
  resources.use(startHousekeeping({ ...shared, ...rules, onDue, onInterruption }));
}

export function openReconciler(shared: SharedDeps, resources: AsyncDisposableStack): void {
  const onInterruption = interruptionOf(shared, 'reconciler');
  resources.use(startReconciler({ ...shared, everyMs: shared.config.RECONCILE_INTERVAL_MS, onInterruption }));
}

/** `fail` is called if the intake ends unasked. */
export function openIntake(
  shared: SharedDeps,
  worker: Pick<Worker, 'announce' | 'kick'>,
  fail: CallbackDeps['fail'],
  resources: AsyncDisposableStack,
): void {
  const { db, health, givingUp, metrics, logger } = shared;
  const stop = new AbortController();
  const deliveries = createBatcher<NewDelivery, Stored>({
    write: (rows) => storeDeliveries(db, rows),
    writeCanary: () => tryDelivery(db),
    keyOf: ({ resultId }) => resultId,
    groupOf: ({ siteId }) => siteId,
    health,
    stop: givingUp,
    onHeld: (error, rows) => {
      metrics.interruption('intake');
      logger.warn({ ...errorFields(error), deliveries: rows }, 'intake.held');
    },
  });
  const intake = runIntake({ ...shared, deliveries, worker }, stop.signal).catch((error: unknown) => fail?.(error));
  resources.defer(async () => {
    stop.abort();
    await intake;
  });
}
