import { unlink } from 'node:fs/promises';
import type { Bench } from '../bench.ts';
import type { LoadOrder, LoadReport } from '../load/generator.ts';
import { arrivalsIn } from '../load/open-loop.ts';
import type { Usage } from '../measure/processes.ts';
import { type Percentiles, spread } from '../measure/statistics.ts';
import type { BareServer } from './ceilings.ts';
import { type CpuPerEvent, cpuPerEvent, OPEN_LOOP_CONNECTIONS, type WarmStack } from './ingress.ts';

/** Ingress and bare Fastify under an open loop, taking turns; each figure is the median of the turns. */
export interface HalfLoad {
  ratePerSecond: number;
  latencyMs: Percentiles;
  /** Bare Fastify at the same rate, and at half of its own peak where that is known. */
  fastifyLatencyMs: Percentiles;
  fastifyAtOwnHalfMs: Percentiles | null;
  /** p99 of ingress over Fastify's in the same turn, by the same two. */
  p99Ratio: number;
  p99RatioAtOwnHalf: number | null;
  cpuMs: CpuPerEvent;
  /** How late the generator woke up. */
  lagMs: Percentiles;
  turns: HalfLoadTurn[];
}

export interface HalfLoadTurn {
  latencyMs: Percentiles;
  fastifyLatencyMs: Percentiles;
  fastifyAtOwnHalfMs: Percentiles | null;
  lagMs: Percentiles;
  stealPercent: number;
  fastifyStealPercent: number;
}

/** Bare Fastify, and how many a second it answers at its peak, null where that was not measured. */
export interface MeasuredFastify {
  server: BareServer;
  peakPerSecond: number | null;
}

/** A burst of what the hypervisor takes spoils one of them, and not the median. */
const TURNS = 3;

/** Runs the turns, each of them with requests of its own, which ingress and then Fastify are sent. */
export async function runHalfLoad(
  bench: Bench,
  warm: WarmStack,
  options: { ratePerSecond: number; seconds: number; fastify: MeasuredFastify },
): Promise<HalfLoad & { reports: LoadReport[] }> {
  const { ratePerSecond, fastify } = options;
  const seconds = options.seconds / 2;
  const turns: HalfLoadTurn[] = [];
  const reports: (LoadReport & { usage: Usage })[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const pool = await bench.sign(arrivalsIn({ seconds, ratePerSecond }));
    const outcomesFile = bench.memoryFile();
    const order: Omit<LoadOrder, 'ports'> = {
      connections: OPEN_LOOP_CONNECTIONS,
      seconds,
      ratePerSecond,
      good: pool.paths,
    };
    const ours = await bench.measure({ ...order, ports: warm.stack.ports, outcomesFile }, warm.stack.pids);
    warm.ledger.add(pool.paths, outcomesFile);
    const toFastify = { ...order, ports: [fastify.server.port] };
    const theirs = await bench.measure(toFastify, {});
    const ownHalf = fastify.peakPerSecond === null ? null : Math.round(fastify.peakPerSecond / 2);
    const atOwnHalf =
      ownHalf === null ? null : await bench.measure({ ...toFastify, ratePerSecond: ownHalf, cycle: true }, {});
    await Promise.all([bench.discard(pool), unlink(outcomesFile)]);
    reports.push(ours);
    turns.push({
      latencyMs: ours.good.latencyMs,
      fastifyLatencyMs: theirs.good.latencyMs,
      fastifyAtOwnHalfMs: atOwnHalf === null ? null : atOwnHalf.good.latencyMs,
      lagMs: ours.lagMs as Percentiles,
      stealPercent: ours.usage.stealPercent,
      fastifyStealPercent: theirs.usage.stealPercent,
    });
  }
  const cpu = reports.map(({ usage, good }) => cpuPerEvent(usage, good.statuses[202] ?? 0, warm.idleCpu));
  const ownHalves = turns.flatMap(({ fastifyAtOwnHalfMs }) => fastifyAtOwnHalfMs ?? []);
  const median = (of: (cpuMs: CpuPerEvent) => number): number => spread(cpu.map(of), 4).median;
  return {
    ratePerSecond,
    latencyMs: medians(turns.map(({ latencyMs }) => latencyMs)),
    fastifyLatencyMs: medians(turns.map(({ fastifyLatencyMs }) => fastifyLatencyMs)),
    fastifyAtOwnHalfMs: ownHalves.length === 0 ? null : medians(ownHalves),
    p99Ratio: medianRatio(turns, ({ fastifyLatencyMs }) => fastifyLatencyMs),
    p99RatioAtOwnHalf:
      ownHalves.length === 0 ? null : medianRatio(turns, ({ fastifyAtOwnHalfMs }) => fastifyAtOwnHalfMs),
    cpuMs: {
      ingress: median(({ ingress }) => ingress),
      nats: median(({ nats }) => nats),
      sum: median(({ sum }) => sum),
    },
    lagMs: medians(turns.map(({ lagMs }) => lagMs)),
    turns,
    reports,
  };
}

/** The median over the turns of p99 over another's p99. */
function medianRatio(turns: readonly HalfLoadTurn[], other: (turn: HalfLoadTurn) => Percentiles | null): number {
  const ratios = turns.map((turn) => turn.latencyMs.p99 / (other(turn)?.p99 ?? Number.NaN));
  return spread(ratios, 2).median;
}

/** The median of each percentile; `count` is that of all together. */
function medians(all: readonly Percentiles[]): Percentiles {
  const of = (name: 'p50' | 'p95' | 'p99' | 'max'): number => spread(all.map((each) => each[name])).median;
  const count = all.reduce((sum, each) => sum + each.count, 0);
  return { count, p50: of('p50'), p95: of('p95'), p99: of('p99'), max: of('max') };
}
