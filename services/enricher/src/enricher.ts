import { setTimeout as delay } from 'node:timers/promises';
import { consumerDefinitions } from '@pressferry/contracts';
import { type Connection, createPublisher, measureJetStream, openConnection } from '@pressferry/jetstream';
import { createKeyring, createLogger, createRegistry, type Logger, startOpsServer } from '@pressferry/runtime';
import { createDeadLetters } from '@pressferry/worker';
import { loadAutomations } from './automations/load.ts';
import { withTestEvent } from './automations/test-event.ts';
import type { Config } from './config.ts';
import { notePosition } from './db/positions.ts';
import { handleErasureRequests } from './erasure.ts';
import { keepRoom } from './intake/room.ts';
import { createMetrics } from './metrics.ts';
import {
  openBatcher,
  openIntake,
  openOutbox,
  openPools,
  openSettlements,
  openStorage,
  type Parts,
  type Stops,
} from './parts.ts';
import { keepRetention } from './retention.ts';
import { watchQueue } from './runs/housekeeping.ts';
import type { Pool } from './runs/pool.ts';
import { collectLetters } from './undelivered.ts';

export { type Config, configSchema } from './config.ts';

export interface EnricherDeps {
  /** Where the automations' variables are read; the process's own unless given. */
  env?: NodeJS.ProcessEnv;
  logger?: Logger;
  /** Called when a loop cannot go on; the process should end. */
  fail?: (error: unknown) => void;
}

/** A running enricher. Disposing stops taking work, lets the steps in flight finish, and gives back what would take too long. */
export interface Enricher extends AsyncDisposable {
  /** Of `/livez`, `/readyz` and `/metrics`. */
  opsUrl: string;
}

/** Of the grace period, what is kept for settling once calls are abandoned. */
const SETTLE_MS = 2_000;

/** Starts enricher. Rejects with a `ConfigError` if the automations cannot be used; NATS is waited for, Postgres not even that. */
export async function startEnricher(config: Config, deps: EnricherDeps = {}): Promise<Enricher> {
  const { env = process.env, logger = createLogger('enricher', config.LOG_LEVEL), fail = () => undefined } = deps;
  const limits = { concurrency: config.WORKER_CONCURRENCY };
  const configured = loadAutomations(config.AUTOMATIONS_FILE, env, limits);
  const { automations, vendors } = withTestEvent(configured);
  const keyring = createKeyring(config.SEALING_KEYS);
  const stops: Stops = { stop: new AbortController(), abandon: new AbortController(), giveUp: new AbortController() };
  const consumers = consumerDefinitions({ shards: config.EVENTS_SHARDS }).filter(({ name }) => name === 'enricher');

  await using opened = new AsyncDisposableStack();
  const pools: Pool[] = [];
  const storage = openStorage(config, logger, opened);
  let connection: Connection | undefined;
  const registry = createRegistry();
  measureJetStream(registry, () => connection, { streams: ['RESULTS', 'DEADLETTERS'], consumers });
  const metrics = createMetrics(registry, {
    vendors: () =>
      pools.map(({ vendor, gate }) => ({
        ...{ name: vendor.name, inHand: gate.inHand() },
        ...{ breaker: gate.state(Date.now()), blockedBy: gate.blockedBy(Date.now()) },
      })),
    databaseUp: storage.health.isUp,
    heldWrites: () => batcher.held() + settlements.held(),
    automations: () => configured.automations.size,
  });
  const parts: Parts = { config, logger, keyring, automations, vendors, stops, ...storage, metrics };
  const poolOf = (name: string): Pool | undefined => pools.find(({ vendor }) => vendor.name === name);
  const kick = (name: string): void => poolOf(name)?.kick();
  const batcher = openBatcher(parts, { kick, reserve: (name, siteId) => poolOf(name)?.reserve(siteId) ?? null });
  const settlements = openSettlements(parts);
  const ops = opened.use(
    await startOpsServer({ host: config.OPS_HOST, port: config.OPS_PORT, logger }, registry, () => [
      ...(connection?.isConnected() === true ? [] : ['NATS is not connected']),
      ...(storage.health.isUp() ? [] : ['Postgres takes no writes']),
      ...(stops.stop.signal.aborted ? ['stopping'] : []),
    ]),
  );
  const nats = await openConnection({
    url: config.NATS_URL,
    name: 'pressferry-enricher',
    credentialsFile: config.NATS_CREDENTIALS,
  });
  connection = opened.use(nats);

  const publisher = createPublisher(nats, config.PUBLISH_TIMEOUT_MS);
  const lettersOf = (stage: 'enricher' | 'callback') =>
    createDeadLetters({ stage, publisher, onPublished: metrics.deadLetter });
  const publishDeadLetter = lettersOf('enricher');
  const outbox = openOutbox(parts, publisher, publishDeadLetter);
  pools.push(...openPools(parts, { outbox, kick, settlements }, opened));
  const { signal } = stops.stop;
  const untilReady = storage.health.untilUp;
  const loops = [
    ...openIntake(parts, { connection: nats, consumers, batcher, publishDeadLetter }),
    ...pools.map((pool) => pool.run(signal)),
    keepRoom(
      {
        ...{ connection: nats, consumers, metrics, logger },
        notePosition: (stream, sequence) => notePosition(storage.db, stream, sequence),
      },
      signal,
    ),
    handleErasureRequests({ ...parts, connection: nats, everyMs: config.ERASURE_EVERY_MS, untilReady }, signal),
    collectLetters(
      {
        connection: nats,
        publishDeadLetter: { enricher: publishDeadLetter, callback: lettersOf('callback') },
        metrics,
        logger,
      },
      signal,
    ),
    keepRetention(
      {
        ...{ db: storage.db, days: config.RETENTION_DAYS, everyMs: config.RETENTION_EVERY_MS },
        ...{ untilReady, metrics, logger, random: Math.random },
      },
      signal,
    ),
    watchQueue({ ...parts, untilReady, publish: outbox.publish, unknownGraceMs: config.UNKNOWN_GRACE_MS }, signal),
  ].map((loop) => loop.catch(fail));
  // Stopped last, for steps that finish during the shutdown bring results.
  const stopOutbox = new AbortController();
  const outboxLoop = outbox.run(stopOutbox.signal).catch(fail);
  logger.info(
    { automations: configured.automations.size, vendors: [...configured.vendors.keys()], ops_url: ops.url },
    'service.started',
  );

  const resources = opened.move();
  resources.defer(async () => {
    await endInTime(loops, stops, config.SHUTDOWN_GRACE_MS);
    stopOutbox.abort();
    await outboxLoop;
  });
  return { opsUrl: ops.url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Ends the loops: calls in flight have the grace period but its last seconds, and what they brought has half of those to be stored. */
async function endInTime(loops: Promise<void>[], { stop, abandon, giveUp }: Stops, graceMs: number): Promise<void> {
  stop.abort();
  const late = new AbortController();
  void delay(Math.max(0, graceMs - SETTLE_MS), undefined, { signal: late.signal })
    .then(() => abandon.abort())
    .then(() => delay(SETTLE_MS / 2, undefined, { signal: late.signal }))
    .then(() => giveUp.abort())
    .catch(() => undefined);
  await Promise.all(loops);
  late.abort();
}
