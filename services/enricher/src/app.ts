import { consumerDefinitions } from '@pressferry/contracts';
import { createPublisher, measureJetStream, openConnection, type Publisher } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  createReadiness,
  createRegistry,
  type Logger,
  type ReadinessBoard,
  startOpsServer,
} from '@pressferry/runtime';
import { createDeadLetters, createShutdown, type Loop, type PublishDeadLetter } from '@pressferry/worker';
import type { Registry } from 'prom-client';
import { type Automations, fingerprintOf, loadAutomations } from './automations/load.ts';
import { withOwn } from './automations/test-event.ts';
import { createVersions } from './automations/versions.ts';
import type { Config } from './config.ts';
import { createContent } from './content/content.ts';
import { notePosition, readServerLife } from './db/positions.ts';
import { startErasures } from './erasure.ts';
import { startRoomKeeping } from './intake/room.ts';
import { watchSiteLabels } from './intake/site-labels.ts';
import { createTakeover, type Takeover } from './intake/takeover.ts';
import { createMetrics } from './metrics.ts';
import { keepInUse } from './reload/in-use.ts';
import { startReloading } from './reload/keep-reloading.ts';
import { watchRegistered } from './reload/registered.ts';
import type { Outbox } from './results/outbox.ts';
import { startRetention } from './retention.ts';
import { startHousekeeping } from './runs/housekeeping.ts';
import { startLetterCollector } from './undelivered.ts';
import {
  type IntakeWiring,
  openBatcher,
  openIntake,
  openOutbox,
  openPools,
  openSettlements,
  openStorage,
  type SharedDeps,
} from './wiring.ts';

export { type Config, configSchema } from './config.ts';

export interface EnricherDeps {
  /** For the automations' variables; default: the process's own. */
  env?: NodeJS.ProcessEnv;
  logger?: Logger;
  /** Called when a loop cannot go on. */
  fail?: (error: unknown) => void;
}

/** Disposal stops taking work, lets steps in flight finish, and gives back what would take too long. */
export interface Enricher extends AsyncDisposable {
  opsUrl: string;
}

interface Context extends Pick<SharedDeps, 'config' | 'logger' | 'keyring' | 'shutdown' | 'metrics'>, Automations {
  /** Without the test event of every deployment. */
  configured: ReturnType<typeof loadAutomations>;
  env: NodeJS.ProcessEnv;
  fingerprint: string;
  registry: Registry;
  readiness: ReadinessBoard<'nats' | 'database' | 'process'>;
  resources: AsyncDisposableStack;
}

/** Rejects with a `ConfigError` if the automations are unusable. Waits for NATS, not for Postgres. */
export async function startEnricher(config: Config, deps: EnricherDeps = {}): Promise<Enricher> {
  const { fail = () => undefined } = deps;
  await using opened = new AsyncDisposableStack();
  const context = createContext(config, deps, opened);
  const { logger, configured, metrics, registry, readiness, shutdown } = context;
  const storage = openDatabaseAndLeases(context);
  const shared: SharedDeps = { ...context, ...storage, versions: createVersions(storage.db) };
  const ops = opened.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, readiness.faults),
  );
  const nats = await openNats(context);
  const settlements = openSettlements(shared);
  // Ended after the loops, because steps that finish during the shutdown bring results.
  const outbox = opened.use(openOutbox(shared, nats.publisher, nats.publishDeadLetter));
  const pools = openPools(shared, { outbox, settlements }, opened);
  const batcher = openBatcher(shared, pools);
  const content = opened.use(createContent({ sealingKeys: config.SEALING_KEYS, secrets: () => [] }));
  const labels = opened.use(watchSiteLabels({ ...storage, untilReady: storage.health.untilUp, logger }));
  const registered = opened.use(watchRegistered({ ...shared, sites: configured.sites }));
  const { apply, untilNoted } = keepInUse(context, { ...shared, pools });
  const takeover = createTakeover({ db: storage.db, nats: nats.connection.nats, logger });
  metrics.show({ heldWrites: () => batcher.held() + settlements.held() });
  readiness.follow('process', () => (shutdown.stopping.aborted ? ['stopping'] : []));

  const loops = [
    ...openIntake(shared, { ...nats, batcher, labels, content, untilNoted, takeover }),
    pools.run(shutdown.stopping),
  ].map((loop) => loop.catch(fail));
  const upkeep = [
    ...startReloading({ ...context, limits: limitsOf(config), registered, apply }),
    ...startUpkeep(shared, { ...nats, takeover }, outbox),
  ];
  logger.info(
    { automations: configured.automations.size, vendors: [...configured.vendors.keys()], ops_url: ops.url },
    'service.started',
  );

  const resources = opened.move();
  const close = () => Promise.all([...loops, ...upkeep.map((loop) => loop[Symbol.asyncDispose]())]);
  resources.defer(() => shutdown.end(close));
  return { opsUrl: ops.url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const limitsOf = ({ WORKER_CONCURRENCY, EVENT_TYPES_DIRS, AUTOMATIONS_ANY_DATA }: Config) => ({
  concurrency: WORKER_CONCURRENCY,
  eventTypes: EVENT_TYPES_DIRS,
  anyData: AUTOMATIONS_ANY_DATA,
});

function createContext(config: Config, deps: EnricherDeps, resources: AsyncDisposableStack): Context {
  const { env = process.env, logger = createLogger('enricher', config.LOG_LEVEL) } = deps;
  const fingerprint = fingerprintOf(config.AUTOMATIONS_FILE, config.EVENT_TYPES_DIRS);
  const loaded = loadAutomations(config.AUTOMATIONS_FILE, env, limitsOf(config));
  const inUse = withOwn(loaded);
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  metrics.show({ automations: () => inUse.automations.size - 1 });
  return {
    ...{ config, env, fingerprint, logger, configured: loaded, registry, metrics, resources },
    ...inUse,
    keyring: createKeyring(config.SEALING_KEYS),
    shutdown: createShutdown(config.SHUTDOWN_GRACE_MS),
    readiness: createReadiness({
      nats: 'NATS is not connected',
      database: 'Postgres takes no writes',
      process: 'not taking events yet',
    }),
  };
}

function openDatabaseAndLeases({ config, logger, metrics, readiness, resources }: Context) {
  const storage = openStorage(config, logger, resources);
  const { isUp } = storage.health;
  metrics.show({ databaseUp: () => Number(isUp()) });
  readiness.follow('database', () => (isUp() ? [] : ['Postgres takes no writes']));
  return storage;
}

interface Nats extends Omit<IntakeWiring, 'batcher' | 'labels' | 'content' | 'untilNoted' | 'takeover'> {
  publisher: Publisher;
  /** For messages that callback gave up and enricher reports. */
  publishLetterOfCallback: PublishDeadLetter;
}

/** Waits for NATS without a limit; readiness shows the reason meanwhile. */
async function openNats({ config, registry, metrics, readiness, resources }: Context): Promise<Nats> {
  const consumers = consumerDefinitions({ shards: config.EVENTS_SHARDS }).filter(({ name }) => name === 'enricher');
  const measure = measureJetStream(registry, { streams: ['RESULTS', 'DEADLETTERS'], consumers });
  const connection = resources.use(
    await openConnection({
      url: config.NATS_URL,
      name: 'pressferry-enricher',
      credentialsFile: config.NATS_CREDENTIALS,
    }),
  );
  measure.follow(connection);
  readiness.follow('nats', () => (connection.isConnected() ? [] : ['NATS is not connected']));
  const publisher = createPublisher(connection, config.PUBLISH_TIMEOUT_MS);
  const lettersOf = (stage: 'enricher' | 'callback') =>
    createDeadLetters({ stage, publisher, onPublished: metrics.deadLetter });
  return {
    ...{ connection, consumers, publisher },
    publishDeadLetter: lettersOf('enricher'),
    publishLetterOfCallback: lettersOf('callback'),
  };
}

/** Starts the loops other than intake and pools. */
function startUpkeep(shared: SharedDeps, nats: Nats & { takeover: Takeover }, outbox: Outbox): Loop[] {
  const { config, db, health, metrics, logger } = shared;
  const { connection, consumers, takeover } = nats;
  const untilReady = health.untilUp;
  const publishDeadLetter = { enricher: nats.publishDeadLetter, callback: nats.publishLetterOfCallback };
  const retention = {
    days: config.RETENTION_DAYS,
    stepsDays: config.RETENTION_STEPS_DAYS,
    attemptsDays: config.RETENTION_ATTEMPTS_DAYS,
    everyMs: config.RETENTION_EVERY_MS,
    random: Math.random,
  };
  return [
    startRoomKeeping({
      ...{ connection, consumers, takeover, metrics, logger },
      isUp: health.isUp,
      readServerLife: () => readServerLife(db),
      notePosition: (stream, position) => notePosition(db, stream, position),
    }),
    startErasures({ ...shared, connection, everyMs: config.ERASURE_EVERY_MS, untilReady }),
    startLetterCollector({ connection, publishDeadLetter, metrics, logger }),
    startRetention({ ...shared, ...retention, untilReady }),
    startHousekeeping({ ...shared, untilReady, publish: outbox.publish, unknownGraceMs: config.UNKNOWN_GRACE_MS }),
  ];
}
