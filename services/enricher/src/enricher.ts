import { setTimeout as delay } from 'node:timers/promises';
import { consumerDefinitions } from '@pressferry/contracts';
import { openDatabase } from '@pressferry/database';
import { type Connection, consume, createPublisher, measureJetStream, openConnection } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  createRegistry,
  errorFields,
  type Logger,
  startOpsServer,
} from '@pressferry/runtime';
import { createDeadLetters, isRowFault, watchDatabase } from '@pressferry/worker';
import { loadAutomations } from './automations/load.ts';
import { secretsOf, type Vendor } from './automations/vendors.ts';
import type { Config } from './config.ts';
import { claimRuns } from './db/claim-runs.ts';
import { notePosition, readPosition } from './db/positions.ts';
import { storeEvents } from './db/store-events.ts';
import { handleErasureRequests } from './erasure.ts';
import { createEventBatcher } from './intake/batch.ts';
import { keepRoom } from './intake/room.ts';
import { takeEvent } from './intake/take.ts';
import { createMetrics } from './metrics.ts';
import { createOutbox } from './results/outbox.ts';
import { keepRetention } from './retention.ts';
import { watchQueue } from './runs/housekeeping.ts';
import { holdRuns } from './runs/in-hand.ts';
import { createPool, type Pool } from './runs/pool.ts';
import { settleThroughOutages } from './runs/settle.ts';
import { workOn } from './runs/work.ts';
import { callVendor } from './vendors/call.ts';
import { createTransport } from './vendors/transport.ts';

export { type Config, configSchema } from './config.ts';

export interface EnricherDeps {
  /** Where the automations' variables are read; the process's own unless given. */
  env?: NodeJS.ProcessEnv;
  logger?: Logger;
  /** Called where a loop cannot go on; the process should end. */
  fail?: (error: unknown) => void;
}

/** A running enricher. Disposing stops taking work, lets the steps in hand finish, and gives back what would take too long. */
export interface Enricher extends AsyncDisposable {
  /** Of `/livez`, `/readyz` and `/metrics`. */
  opsUrl: string;
}

/** Of the grace period, what is kept for settling once calls are abandoned. */
const SETTLE_MS = 2_000;

/** Starts enricher. Rejects with a `ConfigError` where the automations cannot be used; NATS is waited for, Postgres not even that. */
export async function startEnricher(config: Config, deps: EnricherDeps = {}): Promise<Enricher> {
  const { env = process.env, logger = createLogger('enricher', config.LOG_LEVEL), fail = () => undefined } = deps;
  const limits = { concurrency: config.WORKER_CONCURRENCY };
  const { automations, vendors } = loadAutomations(config.AUTOMATIONS_FILE, env, limits);
  const keyring = createKeyring(config.SEALING_KEYS);
  const stop = new AbortController();
  const abandon = new AbortController();
  const giveUp = new AbortController();
  const warn = (message: string) => (error: unknown) => logger.warn(errorFields(error), message);

  await using opened = new AsyncDisposableStack();
  const pools: Pool[] = [];
  const db = openDatabase({
    url: config.DATABASE_URL,
    applicationName: 'pressferry-enricher',
    poolSize: config.DATABASE_POOL_SIZE,
    onError: warn('database.connection_lost'),
  });
  opened.defer(() => db.destroy());
  const health = opened.use(
    watchDatabase({
      url: config.DATABASE_URL,
      worker: 'enricher',
      onChange: (isUp) => logger.info({ up: isUp }, 'database.changed'),
    }),
  );
  const registry = createRegistry();
  const consumers = consumerDefinitions({ shards: config.EVENTS_SHARDS }).filter(({ name }) => name === 'enricher');
  measureJetStream(registry, () => connection, { streams: ['RESULTS', 'DEADLETTERS'], consumers });
  const metrics = createMetrics(registry, {
    vendors: () =>
      pools.map(({ vendor, gate }) => ({ name: vendor.name, inHand: gate.inHand(), breaker: gate.state(Date.now()) })),
    databaseUp: () => health.isUp(),
    automations: () => automations.size,
  });
  const hold = opened.use(holdRuns(db, config.LEASE_MS, warn('lease.renewal_failed')));
  const transport = opened.use(createTransport());
  let connection: Connection | undefined;
  const ops = opened.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, () => [
      ...(connection?.isConnected() === true ? [] : ['NATS is not connected']),
      ...(health.isUp() ? [] : ['Postgres does not answer']),
      ...(stop.signal.aborted ? ['stopping'] : []),
    ]),
  );
  const nats = await openConnection({
    url: config.NATS_URL,
    name: 'pressferry-enricher',
    credentialsFile: config.NATS_CREDENTIALS,
  });
  connection = opened.use(nats);

  const publisher = createPublisher(connection, config.PUBLISH_TIMEOUT_MS);
  const publishDeadLetter = createDeadLetters({ stage: 'enricher', publisher, onPublished: metrics.deadLetter });
  const untilReady = (signal: AbortSignal): Promise<void> => health.untilUp(signal);
  const outbox = createOutbox({
    db,
    publisher,
    publishDeadLetter,
    shards: config.EVENTS_SHARDS,
    sweepMs: config.RESULT_SWEEP_MS,
    untilReady,
    metrics,
    onError: warn('result.publish_failed'),
  });
  const kick = (name: string): void => pools.find(({ vendor }) => vendor.name === name)?.kick();
  const work = {
    automations,
    keyring,
    secrets: secretsOf(vendors.values()),
    unknownGraceMs: config.UNKNOWN_GRACE_MS,
    random: Math.random,
    call: (...[step, run, context]: Parameters<Parameters<typeof workOn>[3]['call']>) =>
      callVendor(step, run, context, { transport, vendors, signal: abandon.signal }),
    settle: (...[run, settlement]: Parameters<Parameters<typeof workOn>[3]['settle']>) =>
      settleThroughOutages(run, settlement, { db, health, giveUp: giveUp.signal }),
    hold,
    publish: outbox.publish,
    kick,
    metrics,
    logger,
  };
  const openPool = (vendor: Vendor): Pool =>
    createPool(vendor, {
      perSite: config.SITE_CONCURRENCY,
      pollMs: config.WORKER_POLL_MS,
      leaseMs: config.LEASE_MS,
      claim: async (claim) => {
        await hold.refresh();
        return claimRuns(db, claim);
      },
      work: (run, of, called) => workOn(run, of, called, work),
      untilReady,
      onError: (error) => {
        health.suspect();
        metrics.interruption('worker');
        warn('worker.interrupted')(error);
      },
    });
  pools.push(...[...vendors.values()].map(openPool));
  const intake = {
    automations: automations.values().toArray(),
    batcher: createEventBatcher((events) => storeEvents(db, events), isRowFault),
    health,
    keyring,
    publishDeadLetter,
    metrics,
    logger,
    onRuns: (names: string[]) => names.forEach(kick),
  };
  const room = keepRoom(
    {
      ...{ connection: nats, consumers, metrics, logger },
      notePosition: (stream, sequence) => notePosition(db, stream, sequence),
    },
    stop.signal,
  );
  const intakeLoops = consumers.map((definition) =>
    consume(nats, (message) => takeEvent(message, intake), {
      definition,
      concurrency: config.INTAKE_CONCURRENCY,
      position: (stream) => readPosition(db, stream),
      signal: stop.signal,
      onInterruption: (error) => {
        metrics.interruption('intake');
        warn('intake.interrupted')(error);
      },
      untilReady: () => untilReady(stop.signal),
    }),
  );
  const housekeeping = watchQueue(
    {
      db,
      vendors,
      keyring,
      untilReady,
      metrics,
      publish: outbox.publish,
      unknownGraceMs: config.UNKNOWN_GRACE_MS,
      logger,
    },
    stop.signal,
  );
  const retention = keepRetention(
    {
      ...{ db, days: config.RETENTION_DAYS, everyMs: config.RETENTION_EVERY_MS },
      ...{ untilReady, metrics, logger, random: Math.random },
    },
    stop.signal,
  );
  const erasure = handleErasureRequests(
    { db, connection: nats, keyring, everyMs: config.ERASURE_EVERY_MS, untilReady, metrics, logger },
    stop.signal,
  );
  const loops = [
    ...intakeLoops,
    room,
    retention,
    erasure,
    ...pools.map((pool) => pool.run(stop.signal)),
    housekeeping,
  ].map((loop) => loop.catch(fail));
  // Stopped last, for steps that finish during the shutdown bring results.
  const stopOutbox = new AbortController();
  const outboxLoop = outbox.run(stopOutbox.signal).catch(fail);
  logger.info({ automations: automations.size, vendors: [...vendors.keys()], ops_url: ops.url }, 'service.started');

  const resources = opened.move();
  const finish = async (): Promise<void> => {
    stop.abort();
    const late = new AbortController();
    void delay(Math.max(0, config.SHUTDOWN_GRACE_MS - SETTLE_MS), undefined, { signal: late.signal })
      .then(() => abandon.abort())
      .then(() => delay(SETTLE_MS / 2, undefined, { signal: late.signal }))
      .then(() => giveUp.abort())
      .catch(() => undefined);
    await Promise.all(loops);
    stopOutbox.abort();
    await outboxLoop;
    late.abort();
  };
  resources.defer(finish);
  return { opsUrl: ops.url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}
