// The load generator, in its own process: takes one run at a time from its parent and reports what happened and what it cost.
import { writeFileSync } from 'node:fs';
import type { Percentiles } from '../measure/statistics.ts';
import { runClosedLoop } from './closed-loop.ts';
import { runOpenLoop } from './open-loop.ts';
import { createPlan, type PlanReport } from './plan.ts';
import { readPool } from './pool.ts';

/** An open loop if a rate is given, else a closed one. `seconds` excludes an open loop's ramp. */
export interface LoadOrder {
  ports: readonly number[];
  connections: number;
  seconds: number;
  ratePerSecond?: number;
  good: readonly string[];
  /** Repeats the good requests: only for servers that do not tell them apart. */
  cycle?: boolean;
  hostile?: readonly string[];
  /** One request in so many is good. */
  goodEvery?: number;
  outcomesFile?: string;
}

export interface LoadReport extends PlanReport {
  seconds: number;
  /** How late an open loop woke up to send. */
  lagMs: Percentiles | null;
  /** The generator's own CPU time during the run. */
  generatorCpuMs: number;
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const { cycle = false, goodEvery = 10 } = order;
  const hostile = order.hostile === undefined ? null : readPool(order.hostile);
  const plan = createPlan(readPool(order.good), { cycle, hostile, goodEvery });
  const before = process.cpuUsage();
  const { ratePerSecond } = order;
  const span =
    ratePerSecond === undefined
      ? await runClosedLoop(plan, order)
      : await runOpenLoop(plan, { ...order, ratePerSecond });
  const { user, system } = process.cpuUsage(before);
  if (order.outcomesFile !== undefined) writeFileSync(order.outcomesFile, plan.outcomes());
  return {
    ...plan.report(),
    seconds: (span.endMs - span.startMs) / 1000,
    lagMs: 'lagMs' in span ? (span.lagMs as Percentiles) : null,
    generatorCpuMs: (user + system) / 1000,
  };
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit());
