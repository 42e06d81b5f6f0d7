import { unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import type { LoadOrder, LoadReport } from '../load/generator.ts';
import { memoryMb, startUsage, type Usage } from '../measure/processes.ts';
import { type Percentiles, round } from '../measure/statistics.ts';
import { createLedger, type Ledger, type Proof } from '../system/proof.ts';
import { type Stack, type StackShape, startStack } from '../system/stack.ts';
import { type HalfLoad, runHalfLoad } from './half-load.ts';

/** CPU per accepted event in ms. */
export interface CpuPerEvent {
  ingress: number;
  nats: number;
  sum: number;
}

/** Ingress in one round: at its peak and at half of it. */
export interface IngressRun {
  peak: {
    perSecond: number;
    latencyMs: Percentiles;
    cpuMs: CpuPerEvent;
    generatorCores: number;
    stealPercent: number;
    idlePercent: number;
  };
  half: HalfLoad;
  rssMb: number[];
  natsRssMb: number;
  signingUsPerRequest: number;
  refused: Record<string, number>;
  proof: Proof;
}

/** A stack that is warm, with what is needed to measure it. */
export interface WarmStack extends AsyncDisposable {
  stack: Stack;
  ledger: Ledger;
  /** What the warm-up carried, a guess at the peak. */
  perSecond: number;
  /** What a process uses while nothing happens, in ms of CPU per second. */
  idleCpu: Record<string, number>;
}

const IDLE_MS = 1_500;
/** Of each open loop. */
export const OPEN_LOOP_CONNECTIONS = 128;
/** So much more is signed than the last peak would use. */
const SPARE = 1.3;

/** One server is measured on its own processor; several share all processors with everything else. */
function place(
  { placement }: Bench,
  { replicas }: StackShape,
  { servers, others = [] }: { servers: readonly number[]; others?: readonly number[] },
): void {
  if (replicas === 1) placement.keepApart(servers, others);
  else placement.shareAll([...servers, ...others]);
}

/** Starts a stack and warms it with requests that count in the proof like all others. */
export async function startWarm(bench: Bench, shape: StackShape, warmUp: number): Promise<WarmStack> {
  const stack = await startStack(shape, { natsBinary: bench.natsBinary, dir: bench.diskDir });
  place(bench, shape, { servers: stack.pids.ingress, others: [...stack.pids.nats, bench.generator.pid] });
  const ledger = createLedger();
  const { good, seconds } = await load(bench, { stack, ledger, count: warmUp, order: { seconds: 60 } });
  const end = startUsage(stack.pids);
  await delay(IDLE_MS);
  const idle = end();
  const idleCpu = Object.fromEntries(Object.entries(idle.cpuMs).map(([name, ms]) => [name, ms / idle.seconds]));
  return {
    stack,
    ledger,
    perSecond: good.latencyMs.count / seconds,
    idleCpu,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

export interface LoadTarget {
  stack: Stack;
  ledger: Ledger;
  count: number;
  order: Partial<LoadOrder> & { seconds: number };
}

/** Signs so many requests and sends them, measured; the ledger learns what was answered. */
export async function load(
  bench: Bench,
  { stack, ledger, count, order }: LoadTarget,
): Promise<LoadReport & { usage: Usage; signingUs: number }> {
  const pool = await bench.sign(count);
  const outcomesFile = bench.memoryFile();
  const full = { ports: stack.ports, connections: 64, ...order, good: pool.paths, outcomesFile };
  const report = await bench.measure(full, stack.pids);
  ledger.add(pool.paths, outcomesFile);
  await Promise.all([bench.discard(pool), unlink(outcomesFile)]);
  return { ...report, signingUs: (pool.cpuMs * 1000) / pool.count };
}

/** CPU per request of both servers, without what they use when idle. */
export function cpuPerEvent({ cpuMs, seconds }: Usage, events: number, idleCpu: Record<string, number>): CpuPerEvent {
  const of = (name: string): number => ((cpuMs[name] ?? 0) - (idleCpu[name] ?? 0) * seconds) / events;
  return { ingress: round(of('ingress'), 4), nats: round(of('nats'), 4), sum: round(of('ingress') + of('nats'), 4) };
}

export interface IngressOptions {
  shape: StackShape;
  connections: number;
  seconds: number;
  warmUp: number;
}

/** One round of one scenario on its own stack. */
export async function runIngress(bench: Bench, options: IngressOptions): Promise<IngressRun> {
  const { connections, seconds } = options;
  await using warm = await startWarm(bench, options.shape, options.warmUp * options.shape.replicas);
  const { stack, ledger, idleCpu } = warm;
  const peak = await load(bench, {
    stack,
    ledger,
    count: Math.ceil(warm.perSecond * seconds * SPARE * 1.2),
    order: { connections, seconds },
  });
  const accepted = peak.good.statuses[202] ?? 0;
  const perSecond = accepted / peak.seconds;

  const ratePerSecond = Math.max(1, Math.round(perSecond / 2));
  const { reports, ...half } = await runHalfLoad(bench, warm, { ratePerSecond, seconds });
  return {
    peak: {
      perSecond: round(perSecond, 0),
      latencyMs: peak.good.latencyMs,
      cpuMs: cpuPerEvent(peak.usage, accepted, idleCpu),
      generatorCores: round(peak.generatorCpuMs / 1000 / peak.seconds, 2),
      stealPercent: peak.usage.stealPercent,
      idlePercent: peak.usage.idlePercent,
    },
    half,
    rssMb: stack.pids.ingress.map((pid) => memoryMb(pid).rss),
    natsRssMb: memoryMb(stack.nats.pid).rss,
    signingUsPerRequest: round(peak.signingUs, 0),
    refused: refusals(peak, ...reports),
    proof: await ledger.prove(stack.connection),
  };
}

function refusals(...reports: readonly LoadReport[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { good } of reports) {
    for (const [status, count] of Object.entries(good.statuses)) {
      if (status !== '202') counts[status] = (counts[status] ?? 0) + count;
    }
  }
  return counts;
}
