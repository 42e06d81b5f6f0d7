export { freePort } from '@pressferry/embedded';
export { type CollectedSpan, type Collector, startCollector } from './collector.ts';
export { type CommandRun, startCommand, temporaryDataDir } from './command.ts';
export { daysRead } from './days-read.ts';
export { type ExplainedPool, openExplainedPool, openOldTransaction, pagesRead } from './dead-rows.ts';
export { ecKeyPair, edKeyPair, rsaKeyPair, type TestKeyPair } from './keys.ts';
export { createLatch, type Latch } from './latch.ts';
export { startTestNats, startTestNatsCluster, testNatsBinary } from './nats.ts';
export { type OwnTime, ownCpuMs, ownTime } from './own-time.ts';
export { startTestPostgres, type TestDatabase, type TestPostgres, type TestPostgresOptions } from './postgres.ts';
export { type PostgresNetwork, startPostgresNetwork } from './postgres-network.ts';
export { type Served, serve } from './serve.ts';
export {
  type RequestOverrides,
  type SignedRequest,
  signedRequest,
  signedToken,
  type TestSender,
} from './signed-request.ts';
export { type SystemClock, takeSystemClock } from './system-clock.ts';
export { type WaitOptions, waitFor } from './wait-for.ts';
