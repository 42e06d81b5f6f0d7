import { type Percentiles, percentiles } from '../measure/statistics.ts';
import type { Pool } from './pool.ts';

/** One request to send. */
export interface Job {
  index: number;
  isGood: boolean;
  bytes: Buffer;
}

/** The good requests once each (or repeated), with hostile ones between. */
export interface Plan {
  /** Null when the good ones are used up. */
  next: () => Job | null;
  /** Status 0: the connection was cut. Latency null: do not count it. */
  record: (job: Job, status: number, body: Buffer, latencyMs: number | null) => void;
  report: () => PlanReport;
  /** Status and answered request id of each good request, for the proof: a Uint16 and 36 characters each. */
  outcomes: () => Buffer;
}

export interface PlanReport {
  good: { statuses: Record<string, number>; latencyMs: Percentiles };
  hostile: { statuses: Record<string, number> };
}

export const OUTCOME_BYTES = 2 + 36;
const ID_FIELD = '"request_id":"';

/** With hostile requests, one in `goodEvery` is good. */
export function createPlan(good: Pool, options: { cycle: boolean; hostile: Pool | null; goodEvery: number }): Plan {
  const { cycle, hostile, goodEvery } = options;
  const statuses = { good: new Map<number, number>(), hostile: new Map<number, number>() };
  const outcomes = Buffer.alloc(cycle ? 0 : good.count * OUTCOME_BYTES);
  const latencies: number[] = [];
  let turn = 0;
  let nextGood = 0;
  let nextHostile = 0;

  const count = (counts: Map<number, number>, status: number): void =>
    void counts.set(status, (counts.get(status) ?? 0) + 1);

  return {
    next: () => {
      if (hostile !== null && turn++ % goodEvery !== 0) {
        const index = nextHostile++ % hostile.count;
        return { index, isGood: false, bytes: hostile.raw(index) };
      }
      if (nextGood >= good.count && !cycle) return null;
      const index = nextGood++ % good.count;
      return { index, isGood: true, bytes: good.raw(index) };
    },
    record: (job, status, body, latencyMs) => {
      if (!job.isGood) return count(statuses.hostile, status);
      count(statuses.good, status);
      if (latencyMs !== null) latencies.push(latencyMs);
      if (cycle) return;
      const at = job.index * OUTCOME_BYTES;
      outcomes.writeUInt16LE(status, at);
      const id = status === 202 ? body.indexOf(ID_FIELD) : -1;
      if (id !== -1) body.copy(outcomes, at + 2, id + ID_FIELD.length, id + ID_FIELD.length + 36);
    },
    report: () => ({
      good: {
        statuses: Object.fromEntries(statuses.good),
        latencyMs: percentiles(Float64Array.from(latencies)),
      },
      hostile: { statuses: Object.fromEntries(statuses.hostile) },
    }),
    outcomes: () => outcomes,
  };
}
