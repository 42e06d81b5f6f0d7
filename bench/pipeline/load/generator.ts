// The load generator, in its own process: sends one pool of signed events as it is told and reports what was answered.
import { writeFileSync } from 'node:fs';
import { monotonicMs } from '../../ingress/load/clock.ts';
import { runClosedLoop } from '../../ingress/load/closed-loop.ts';
import { runOpenLoop } from '../../ingress/load/open-loop.ts';
import { readPool } from '../../ingress/load/pool.ts';
import type { Percentiles } from '../../ingress/measure/statistics.ts';
import { createJourneyPlan } from './plan.ts';
import { runWindowedLoop } from './windowed-loop.ts';

/** How the events of a pool are sent. */
export type Manner =
  /** All of them as fast as they are accepted. */
  | { kind: 'burst' }
  /** At random moments, whether answers come or not. */
  | { kind: 'open'; ratePerSecond: number; seconds: number }
  /** So many journeys on their way at any time. */
  | { kind: 'window'; window: number; seconds: number; feedPort: number };

export interface SendOrder {
  ports: readonly number[];
  connections: number;
  pool: readonly string[];
  outcomesFile: string;
  manner: Manner;
}

export interface SendReport {
  /** On the monotonic clock. */
  startMs: number;
  endMs: number;
  statuses: Record<string, number>;
  /** From the request to its answer; of an open loop from the moment it was meant to go. */
  acceptMs: Percentiles;
  /** How late an open loop woke up to send. */
  lagMs: Percentiles | null;
}

/** More than any burst takes. */
const BURST_SECONDS = 300;

async function send({ ports, connections, pool, outcomesFile, manner }: SendOrder): Promise<SendReport> {
  const plan = createJourneyPlan(readPool(pool));
  const startMs = monotonicMs();
  let lagMs: Percentiles | null = null;
  if (manner.kind === 'burst') await runClosedLoop(plan, { ports, connections, seconds: BURST_SECONDS });
  else if (manner.kind === 'open') ({ lagMs } = await runOpenLoop(plan, { ports, connections, ...manner }));
  else await runWindowedLoop(plan, { ports, connections, ...manner });
  const endMs = monotonicMs();
  writeFileSync(outcomesFile, plan.outcomes());
  return { startMs, endMs, statuses: plan.statuses(), acceptMs: plan.acceptMs(), lagMs };
}

process.on('message', (order: SendOrder) => {
  void send(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit());
