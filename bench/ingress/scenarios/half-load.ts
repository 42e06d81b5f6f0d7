import { unlink } from 'node:fs/promises';
import type { Bench } from '../bench.ts';
import type { LoadOrder, LoadReport } from '../load/generator.ts';
import { arrivalsIn } from '../load/open-loop.ts';
import type { Usage } from '../measure/processes.ts';
import { type Percentiles, spread } from '../measure/statistics.ts';
import { type CpuPerEvent, cpuPerEvent, OPEN_LOOP_CONNECTIONS, type WarmStack } from './ingress.ts';

/** Ingress under an open loop, several times; each figure is the median of the turns. */
export interface HalfLoad {
  ratePerSecond: number;
  latencyMs: Percentiles;
  cpuMs: CpuPerEvent;
  /** How late the generator woke up. */
  lagMs: Percentiles;
  turns: HalfLoadTurn[];
}

export interface HalfLoadTurn {
  latencyMs: Percentiles;
  lagMs: Percentiles;
  stealPercent: number;
}

/** A burst of what the hypervisor takes spoils one of them, and not the median. */
const TURNS = 3;

/** Runs the turns, each of them with its own requests. */
export async function runHalfLoad(
  bench: Bench,
  warm: WarmStack,
  options: { ratePerSecond: number; seconds: number },
): Promise<HalfLoad & { reports: LoadReport[] }> {
  const { ratePerSecond } = options;
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
    await Promise.all([bench.discard(pool), unlink(outcomesFile)]);
    reports.push(ours);
    turns.push({
      latencyMs: ours.good.latencyMs,
      lagMs: ours.lagMs as Percentiles,
      stealPercent: ours.usage.stealPercent,
    });
  }
  const cpu = reports.map(({ usage, good }) => cpuPerEvent(usage, good.statuses[202] ?? 0, warm.idleCpu));
  const median = (of: (cpuMs: CpuPerEvent) => number): number => spread(cpu.map(of), 4).median;
  return {
    ratePerSecond,
    latencyMs: medians(turns.map(({ latencyMs }) => latencyMs)),
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
