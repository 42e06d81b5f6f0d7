import { monotonicMs } from '../../ingress/load/clock.ts';
import type { Plan } from '../../ingress/load/plan.ts';
import type { Pool } from '../../ingress/load/pool.ts';
import { type Percentiles, percentiles } from '../../ingress/measure/statistics.ts';

/** What became of one request. */
export interface Sent {
  /** 0 if the connection was cut before an answer came, or where it was never sent. */
  status: number;
  /** Its latency counts: it was not part of a ramp. */
  isCounted: boolean;
  /** When the answer came, on the monotonic clock. */
  answeredAtMs: number;
}

const BYTES = 11;

/** A plan that sends each request of the pool once and notes when it was answered. */
export function createJourneyPlan(
  pool: Pool,
): Plan & { statuses: () => Record<string, number>; acceptMs: () => Percentiles } {
  const outcomes = Buffer.alloc(pool.count * BYTES);
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  let next = 0;
  return {
    next: () => {
      if (next >= pool.count) return null;
      const index = next++;
      return { index, isGood: true, bytes: pool.raw(index) };
    },
    record: ({ index }, status, _body, latencyMs) => {
      const at = index * BYTES;
      outcomes.writeUInt16LE(status, at);
      outcomes.writeUInt8(latencyMs === null ? 0 : 1, at + 2);
      outcomes.writeDoubleLE(monotonicMs(), at + 3);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (latencyMs !== null) latencies.push(latencyMs);
    },
    report: () => {
      throw new Error('a plan of journeys reports by statuses() and acceptMs()');
    },
    outcomes: () => outcomes,
    statuses: () => statuses,
    acceptMs: () => percentiles(Float64Array.from(latencies)),
  };
}

/** Reads what a plan noted, by the index of the request in its pool. */
export function readOutcomes(bytes: Buffer): (index: number) => Sent {
  return (index) => {
    const at = index * BYTES;
    return {
      status: bytes.readUInt16LE(at),
      isCounted: bytes.readUInt8(at + 2) === 1,
      answeredAtMs: bytes.readDoubleLE(at + 3),
    };
  };
}
