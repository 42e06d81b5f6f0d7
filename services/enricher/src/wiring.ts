import { type ConsumerDefinition, siteOfSubject } from '@pressferry/contracts';
import { type Database, openDatabase, REPLY_WITHIN_MS } from '@pressferry/database';
import { type Connection, consume, type Publisher } from '@pressferry/jetstream';
import { errorFields, type Keyring, type Logger } from '@pressferry/runtime';
import {
  type Batcher,
  createBatcher,
  type DatabaseHealth,
  type LeaseKeeper,
  openLeases,
  type PublishDeadLetter,
  type Shutdown,
  watchDatabase,
} from '@pressferry/worker';
import type { Automation } from './automations/compile.ts';
import { answerTest, TEST_NAME } from './automations/test-event.ts';
import { secretsOf, type Vendor } from './automations/vendors.ts';
import type { Versions } from './automations/versions.ts';
import type { Config } from './config.ts';
import { type Content, createContent } from './content/content.ts';
import { type ClaimedRun, claimRuns } from './db/claim-runs.ts';
import { findLanes } from './db/find-lanes.ts';
import { renewLeases } from './db/leases.ts';
import { readPosition } from './db/positions.ts';
import { type NewEvent, type Stored, tryEvent } from './db/store-events.ts';
import { createDays } from './intake/days.ts';
import { canaryOf, type Judge } from './intake/new-event.ts';
import type { SiteLabels } from './intake/site-labels.ts';
import { isSuspect, takeSuspect } from './intake/suspects.ts';
import { takeEvent } from './intake/take.ts';
import type { Takeover } from './intake/takeover.ts';
import type { Metrics } from './metrics.ts';
import { OWN_STEPS } from './model.ts';
import { doOwnStep } from './own-steps/index.ts';
import { type Outbox, startOutbox } from './results/outbox.ts';
import { type FirstClaimDeps, storeAndClaim } from './runs/first-claims.ts';
import { createPool, stateOf } from './runs/pool.ts';
import { createPoolSet, type PoolSet } from './runs/pool-set.ts';
import { createSettlements, type Settlements } from './runs/settle.ts';
import { failWithoutAnswer } from './runs/take-step.ts';
import { workOn } from './runs/work.ts';
import { watchSpend } from './spend/spend.ts';
import { callVendor } from './vendors/call.ts';
import { createDialects } from './vendors/dialect.ts';
import { createRates, type Rates } from './vendors/rates.ts';
import { shareBlocks } from './vendors/shared-blocks.ts';
import { createTransport } from './vendors/transport.ts';

export interface SharedDeps {
  config: Config;
  logger: Logger;
  keyring: Keyring;
  /** Both maps change when the files of AUTOMATIONS_FILE do. */
  automations: ReadonlyMap<string, Automation>;
  vendors: ReadonlyMap<string, Vendor>;
  versions: Versions;
  shutdown: Shutdown;
  db: Database;
  health: DatabaseHealth;
  leases: LeaseKeeper<ClaimedRun>;
  metrics: Metrics;
}

export function openStorage(config: Config, logger: Logger, resources: AsyncDisposableStack) {
  const warn = (message: string) => (error: unknown) => logger.warn(errorFields(error), message);
  const db = openDatabase({
    url: config.DATABASE_URL,
    applicationName: 'pressferry-enricher',
    poolSize: config.DATABASE_POOL_SIZE,
    genericPlans: true,
    replyWithinMs: REPLY_WITHIN_MS,
    onError: warn('database.connection_lost'),
  });
  resources.defer(() => db.destroy());
  const health = resources.use(
    watchDatabase({
      url: config.DATABASE_URL,
      worker: 'enricher',
      onChange: (isUp) => logger.info({ up: isUp }, 'database.changed'),
    }),
  );
  const leases = resources.use(
    openLeases<ClaimedRun>({
      ...{ url: config.DATABASE_URL, worker: 'enricher', leaseMs: config.LEASE_MS },
      renew: (leaseDb, runs) => renewLeases(leaseDb, runs, config.LEASE_MS),
      onError: warn('lease.renewal_failed'),
    }),
  );
  return { db, health, leases };
}

export function openSettlements({ db, health, shutdown, logger, keyring }: SharedDeps): Settlements {
  return createSettlements({
    ...{ db, health, logger, giveUp: shutdown.givingUp },
    withoutAnswer: (of, failed) => failWithoutAnswer(of, failed, { keyring }),
  });
}

export function openOutbox(shared: SharedDeps, publisher: Publisher, publishDeadLetter: PublishDeadLetter): Outbox {
  const { config, db, health, metrics, logger } = shared;
  return startOutbox({
    db,
    publisher,
    publishDeadLetter,
    shards: config.EVENTS_SHARDS,
    sweepMs: config.RESULT_SWEEP_MS,
    untilReady: health.untilUp,
    metrics,
    onError: (error) => logger.warn(errorFields(error), 'result.publish_failed'),
    onSwept: (results) => logger.error({ results }, 'results.swept'),
  });
}

export function openPools(
  shared: SharedDeps,
  { outbox, settlements }: { outbox: Outbox; settlements: Settlements },
  resources: AsyncDisposableStack,
): PoolSet {
  const { config, db, health, leases, metrics, logger, vendors, shutdown } = shared;
  const transport = resources.use(createTransport());
  const content = resources.use(
    createContent({ sealingKeys: config.SEALING_KEYS, secrets: () => secretsOf(vendors.values()) }),
  );
  const dialects = createDialects();
  const spend = resources.use(watchSpend({ db, untilReady: health.untilUp, logger, onRefused: metrics.budgetRefused }));
  const rates = openRates(shared, (vendor) => pools.get(vendor)?.hasRoom());
  metrics.show({ budgets: spend.budgets, rates: rates.used });
  const work: Parameters<typeof workOn>[3] = {
    ...shared,
    content,
    pinned: shared.versions.of,
    unknownGraceMs: config.UNKNOWN_GRACE_MS,
    random: Math.random,
    call: async (step, run, position, { lost, isHeld }) => {
      if (step.vendor === TEST_NAME) return answerTest(run, position, shared.keyring);
      if (step.vendor === OWN_STEPS) return doOwnStep(step, run, position, { content, keyring: shared.keyring });
      const signal = AbortSignal.any([shutdown.breakingOff, lost]);
      const rated = (vendor: Vendor) => rates.callsOf(run, vendor);
      return callVendor(step, run, position, { transport, content, dialects, spend, rated, vendors, signal, isHeld });
    },
    settle: settlements.settle,
    publish: outbox.publish,
    kick: (vendor, siteId) => pools.get(vendor)?.kick(siteId),
  };
  const blocks = resources.use(
    shareBlocks({ db, vendors, admission: (name) => pools.get(name)?.admission, untilReady: health.untilUp, logger }),
  );
  const pools: PoolSet = createPoolSet((vendor) =>
    createPool(vendor, {
      ...{ perSite: config.SITE_CONCURRENCY, pollMs: config.WORKER_POLL_MS, leaseMs: config.LEASE_MS },
      look: (of, from) => findLanes(db, of.name, from),
      claim: async (of, claim) => {
        await leases.refresh();
        const takeOverUntil = leases.takeOverUntil();
        return rates.claim(of, claim.limit, (within, limit) => claimRuns(within, { ...claim, limit, takeOverUntil }));
      },
      work: (run, of, called) => workOn(run, of, called, work).finally(() => rates.giveBack(run)),
      isReady: () => settlements.held() === 0,
      untilReady: untilAll([health.untilUp, settlements.untilFlowing, blocks.untilRead]),
      onBlock: blocks.tell,
      onError: (error) => {
        health.suspect();
        metrics.interruption('worker');
        logger.warn(errorFields(error), 'worker.interrupted');
      },
    }),
  );
  pools.apply(vendors);
  metrics.show({ vendors: () => pools.all().map(stateOf) });
  return pools;
}

const untilAll =
  (waits: ((signal: AbortSignal) => Promise<unknown>)[]) =>
  async (signal: AbortSignal): Promise<void> => {
    for (const wait of waits) await wait(signal);
  };

const openRates = ({ db, logger, config, metrics }: SharedDeps, onRoom: (vendor: string) => void): Rates<ClaimedRun> =>
  createRates({ db, logger, leaseMs: config.LEASE_MS, onWait: metrics.rateWait, onRoom });

export function openBatcher(
  { config, db, health, shutdown, metrics, logger }: SharedDeps,
  pools: Pick<PoolSet, 'get'>,
): Batcher<NewEvent, Stored> {
  const claims: FirstClaimDeps = {
    db,
    leaseMs: config.LEASE_MS,
    kick: (vendor, siteId) => pools.get(vendor)?.kick(siteId),
    reserve: (vendor, siteId) => pools.get(vendor)?.reserve(siteId) ?? null,
  };
  const days = createDays(db);
  return createBatcher<NewEvent, Stored>({
    write: (events) =>
      days.storing(
        events.map(({ received_at }) => received_at),
        () => storeAndClaim(events, claims),
      ),
    writeCanary: (like) => days.storing([like.received_at], () => tryEvent(db, canaryOf(like))),
    keyOf: ({ request_id }) => request_id,
    groupOf: ({ site_id }) => site_id,
    sizeOf: ({ sealed_body }) => sealed_body.length,
    health,
    stop: shutdown.givingUp,
    onHeld: (error, events) => {
      metrics.interruption('intake');
      logger.warn({ ...errorFields(error), events }, 'intake.held');
    },
  });
}

export interface IntakeWiring {
  connection: Connection;
  consumers: readonly ConsumerDefinition[];
  batcher: Batcher<NewEvent, Stored>;
  labels: SiteLabels;
  /** Not that of the steps, which may be busy. */
  content: Content;
  publishDeadLetter: PublishDeadLetter;
  takeover: Takeover;
  /** Resolves once Postgres has the definitions in use, or when `signal` is aborted. */
  untilNoted: (signal: AbortSignal) => Promise<void>;
}

/** One consumer per shard; the promises resolve once nothing is in flight after the stop. */
export function openIntake(shared: SharedDeps, intakeWiring: IntakeWiring): Promise<void>[] {
  const { config, db, health, metrics, logger, shutdown, keyring } = shared;
  const { connection, consumers, batcher, labels, content, publishDeadLetter, takeover, untilNoted } = intakeWiring;
  const { stopping: signal } = shutdown;
  const automations = { [Symbol.iterator]: () => shared.automations.values() };
  const judge: Judge = async (condition) => {
    const judged = await content.do({ kind: 'condition', ...condition });
    return judged.kind === 'judged' ? judged.holds : undefined;
  };
  const intake = { automations, batcher, keyring, labels, judge, publishDeadLetter, metrics, logger };
  const suspects = { db, health, givingUp: shutdown.givingUp, publishDeadLetter, metrics, logger };
  return consumers.map((definition) =>
    consume(
      connection,
      (message) =>
        isSuspect(message)
          ? takeSuspect(message, (onHeld) => takeEvent(message, intake, onHeld), suspects)
          : takeEvent(message, intake),
      {
        definition,
        concurrency: config.INTAKE_CONCURRENCY,
        readAhead: {
          messages: Math.max(Math.floor(config.INTAKE_WINDOW / consumers.length), config.INTAKE_CONCURRENCY),
          bytes: config.INTAKE_WINDOW_BYTES / consumers.length,
          groupOf: ({ subject }) => siteOfSubject(subject),
        },
        beforeOpen: async () => void (await takeover.check(definition)),
        position: (stream) => readPosition(db, stream),
        signal,
        isSuspect,
        onInterruption: (error) => {
          metrics.interruption('intake');
          logger.warn(errorFields(error), 'intake.interrupted');
        },
        untilReady: async () => {
          await health.untilUp(signal);
          await untilNoted(signal);
          await labels.untilRead(signal);
          await batcher.untilFlowing(signal);
        },
      },
    ),
  );
}
