import { unlink } from 'node:fs/promises';
import type { Bench } from '../bench.ts';
import type { LoadOrder, LoadReport } from '../load/generator.ts';
import { arrivalsIn } from '../load/open-loop.ts';
import type { Usage } from '../measure/processes.ts';
import { type Percentiles, round, spread } from '../measure/statistics.ts';
import type { BareServer } from './ceilings.ts';
import { type CpuPerEvent, cpuPerEvent, OPEN_LOOP_CONNECTIONS, type WarmStack } from './ingress.ts';

/** Ingress and bare Fastify under the same open loop, taking turns; each figure is the median of the turns. */
export interface HalfLoad {
  ratePerSecond: number;
  latencyMs: Percentiles;
  fastifyLatencyMs: Percentiles;
  /** p99 of ingress over Fastify's in the same turn. */
  p99Ratio: number;
  cpuMs: CpuPerEvent;
  /** How late the generator woke up. */
  lagMs: Percentiles;
  turns: HalfLoadTurn[];
}

export interface HalfLoadTurn {
  latencyMs: Percentiles;
  fastifyLatencyMs: Percentiles;
  p99Ratio: number;
  lagMs: Percentiles;
  stealPercent: number;
  fastifyStealPercent: number;
}

/** A burst of what the hypervisor takes spoils one of them, and not the median. */
const TURNS = 3;

/** Runs the turns, each of them with requests of its own, which ingress and then Fastify are sent. */
export async function runHalfLoad(
  bench: Bench,
  warm: WarmStack,
  options: { ratePerSecond: number; seconds: number; fastify: BareServer },
): Promise<HalfLoad & { reports: LoadReport[] }> {
  const { ratePerSecond, seconds, fastify } = options;
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
    const theirs = await bench.measure({ ...order, ports: [fastify.port] }, {});
    await Promise.all([bench.discard(pool), unlink(outcomesFile)]);
    reports.push(ours);
    turns.push({
      latencyMs: ours.good.latencyMs,
      fastifyLatencyMs: theirs.good.latencyMs,
      p99Ratio: round(ours.good.latencyMs.p99 / theirs.good.latencyMs.p99, 2),
      lagMs: ours.lagMs as Percentiles,
      stealPercent: ours.usage.stealPercent,
      fastifyStealPercent: theirs.usage.stealPercent,
    });
  }
  const cpu = reports.map(({ usage, good }) => cpuPerEvent(usage, good.statuses[202] ?? 0, warm.idleCpu));
  const median = (of: (cpuMs: CpuPerEvent) => number): number => spread(cpu.map(of), 4).median;
  return {
    ratePerSecond,
    latencyMs: medians(turns.map(({ latencyMs }) => latencyMs)),
    fastifyLatencyMs: medians(turns.map(({ fastifyLatencyMs }) => fastifyLatencyMs)),
    p99Ratio: spread(
      turns.map(({ p99Ratio }) => p99Ratio),
      2,
    ).median,
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

/** The median of each percentile; `count` is that of all together. */
function medians(all: readonly Percentiles[]): Percentiles {
  const of = (name: 'p50' | 'p95' | 'p99' | 'max'): number => spread(all.map((each) => each[name])).median;
  const count = all.reduce((sum, each) => sum + each.count, 0);
  return { count, p50: of('p50'), p95: of('p95'), p99: of('p99'), max: of('max') };
}
