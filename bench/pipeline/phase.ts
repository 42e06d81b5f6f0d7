import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../ingress/load/clock.ts';
import type { SignedPool } from '../ingress/load/signers.ts';
import { type Percentiles, round } from '../ingress/measure/statistics.ts';
import type { Generator } from './lab.ts';
import type { Manner, SendReport } from './load/generator.ts';
import type { DatabaseWork, StatementPages } from './measure/postgres.ts';
import { startUsage } from './measure/processes.ts';
import { prove } from './proof.ts';
import { byService, type Subject } from './subject.ts';

/** What one phase came to; `…Each` is by journey. */
export interface Phase {
  name: string;
  journeys: number;
  seconds: number;
  perSecond: number;
  /** CPU ms a journey, by process of the stack. */
  cpuMsEach: Record<string, number>;
  cpuMsEachSum: number;
  /** The same of generator, sink and vendor. */
  labCpuMsEach: Record<string, number>;
  commitsEach: number;
  statementsEach: number;
  walKbEach: number;
  fullPagesEach: number;
  /** From the 202 to the sink. */
  latencyMs: Percentiles;
  /** From the request to the 202. */
  acceptMs: Percentiles;
  stealPercent: number;
  idlePercent: number;
  othersPercent: number;
  topStatements: { text: string; callsEach: number; msEach: number; walBytesEach: number }[];
  pages: StatementPages[];
  /** Answers other than 202, by status. */
  refusals: Record<string, number>;
  /** Of the proof; none is expected. */
  faults: string[];
}

const CONNECTIONS = 64;
/** Writes after the last result has arrived. */
const SETTLE_MS = 500;
/** No stack that works at all is slower than this. */
const SLOWEST_PER_SECOND = 25;
const PATIENCE_MS = 40_000;

/** The least that a driver does: send the pool by a generator; resolves when all is accepted. */
export async function send(
  subject: Subject,
  pool: SignedPool,
  manner: Manner,
  generator: Generator = subject.lab.generator,
): Promise<SendReport & { outcomesFile: string }> {
  const outcomesFile = subject.lab.memoryFile();
  const ports = subject.stack.ingressPorts;
  const order = { ports, connections: CONNECTIONS, pool: pool.paths, outcomesFile, manner };
  return { ...(await generator.ask(order)), outcomesFile };
}

/** Waits until the sink has so many results, or until there is no hope; resolves to how many it has. */
export async function untilDelivered(subject: Subject, count: number): Promise<number> {
  const startMs = performance.now();
  const { sink } = subject.lab;
  const first = (await sink.ask({ what: 'count' })).count;
  const patienceMs = PATIENCE_MS + (1000 * Math.max(0, count - first)) / SLOWEST_PER_SECOND;
  for (let seen = first; ; seen = (await sink.ask({ what: 'count' })).count) {
    if (seen >= count || performance.now() - startMs > patienceMs) return seen;
    await delay(25);
  }
}

/** Begins to measure all of a stack; the returned function ends it. */
async function startMeter(subject: Subject): Promise<() => Promise<Metered>> {
  const endDatabase = await subject.meter.start();
  const endUsage = startUsage({ ...subject.pids.stack, ...subject.pids.lab });
  return async () => {
    const usage = endUsage();
    return { usage, database: await endDatabase() };
  };
}

export interface Metered {
  usage: ReturnType<ReturnType<typeof startUsage>>;
  database: DatabaseWork;
}

/** Sends a pool as a whole, waits for the last result, and measures from the first request to the end. */
export async function measureWhole(subject: Subject, name: string, pool: SignedPool, manner: Manner): Promise<Phase> {
  const before = (await subject.lab.sink.ask({ what: 'count' })).count;
  const end = await startMeter(subject);
  const report = await send(subject, pool, manner);
  await untilDelivered(subject, before + (report.statuses[202] ?? 0));
  await delay(SETTLE_MS);
  const metered = await end();
  const proof = prove(
    [{ pool: pool.paths, outcomesFile: report.outcomesFile }],
    await subject.lab.takeLedgers(),
    subject.proven,
  );
  await subject.lab.discard(pool);
  const seconds = (proof.lastArrivedAtMs - report.startMs) / 1000;
  return phaseOf(name, metered, {
    ...proof,
    journeys: proof.delivered,
    seconds,
    acceptMs: report.acceptMs,
    statuses: report.statuses,
  });
}

/** Keeps so many journeys on their way, and measures once the ramp is over. */
export async function measureWindow(
  subject: Subject,
  name: string,
  options: { pool: SignedPool; window: number; rampSeconds: number; seconds: number },
): Promise<Phase> {
  const { pool, window, rampSeconds, seconds } = options;
  const { sink } = subject.lab;
  const before = (await sink.ask({ what: 'count' })).count;
  const manner: Manner = { kind: 'window', window, seconds: rampSeconds + seconds, feedPort: sink.feedPort };
  const sending = send(subject, pool, manner);
  await delay(rampSeconds * 1000);
  const end = await startMeter(subject);
  const first = { count: (await sink.ask({ what: 'count' })).count, atMs: monotonicMs() };
  await Promise.race([delay(seconds * 1000), sending]);
  const last = { count: (await sink.ask({ what: 'count' })).count, atMs: monotonicMs() };
  const metered = await end();
  const report = await sending;
  await untilDelivered(subject, before + (report.statuses[202] ?? 0));
  await delay(SETTLE_MS);
  const proof = prove(
    [{ pool: pool.paths, outcomesFile: report.outcomesFile }],
    await subject.lab.takeLedgers(),
    subject.proven,
  );
  await subject.lab.discard(pool);
  const measured = { journeys: last.count - first.count, seconds: (last.atMs - first.atMs) / 1000 };
  return phaseOf(name, metered, { ...proof, ...measured, acceptMs: report.acceptMs, statuses: report.statuses });
}

interface Counted {
  journeys: number;
  seconds: number;
  latencyMs: Percentiles;
  acceptMs: Percentiles;
  statuses: Record<string, number>;
  faults: string[];
}

/** Puts a phase's figures together. */
function phaseOf(name: string, { usage, database }: Metered, counted: Counted): Phase {
  const { journeys, seconds, latencyMs, acceptMs, statuses, faults } = counted;
  const each = (sum: number, digits = 3): number => round(sum / Math.max(1, journeys), digits);
  const cpu = byService(Object.fromEntries(Object.entries(usage.cpuMs).map(([process, ms]) => [process, each(ms)])));
  const { generator = 0, sink = 0, vendor = 0, ...stack } = cpu;
  const { 202: _accepted, ...refusals } = statuses;
  return {
    name,
    journeys,
    seconds: round(seconds, 2),
    perSecond: round(journeys / seconds, 1),
    cpuMsEach: stack,
    cpuMsEachSum: round(
      Object.values(stack).reduce((sum, ms) => sum + ms, 0),
      2,
    ),
    labCpuMsEach: { generator, sink, vendor },
    commitsEach: each(database.commits, 2),
    statementsEach: each(database.statements, 2),
    walKbEach: each(database.walBytes / 1000, 2),
    fullPagesEach: each(database.fullPages, 2),
    latencyMs,
    acceptMs,
    stealPercent: usage.stealPercent,
    idlePercent: usage.idlePercent,
    othersPercent: usage.othersPercent,
    topStatements: database.top.map(({ text, calls, ms, walBytes }) => ({
      text,
      callsEach: each(calls),
      msEach: each(ms),
      walBytesEach: each(walBytes, 0),
    })),
    pages: database.pages,
    refusals,
    faults,
  };
}
