import { readFileSync } from 'node:fs';
import type { Arrival, VendorCall } from '@pressferry/testing/journey';
import { type Pool, readPool } from '../ingress/load/pool.ts';
import { type Percentiles, percentiles } from '../ingress/measure/statistics.ts';
import { readOutcomes } from './load/plan.ts';

/** A phase's requests and both ledgers. */
export interface Sending {
  pool: readonly string[];
  outcomesFile: string;
}

export interface Ledgers {
  arrivals: readonly Arrival[];
  calls: readonly VendorCall[];
}

export interface Proof {
  accepted: number;
  /** Accepted events whose result the sink has. */
  delivered: number;
  /** From the acceptance to the sink. */
  latencyMs: Percentiles;
  /** By idempotency key. */
  acceptedAtMs: ReadonlyMap<string, number>;
  firstAcceptedAtMs: number;
  lastArrivedAtMs: number;
  /** Deviations from: each accepted event once at the sink, once at the vendor, under one key. */
  faults: string[];
}

const FAULTS_SHOWN = 10;
const REF = /"object_ref":"([^"]+)"/;

/** Compares accepted events with both ledgers; events of `earlier` phases must not come again. */
export function prove(
  sendings: readonly Sending[],
  ledgers: Ledgers,
  earlier: Set<string>,
  /** Latencies count in this span only. */
  { fromMs, toMs }: { fromMs: number; toMs: number } = { fromMs: 0, toMs: Number.POSITIVE_INFINITY },
): Proof {
  const faults: string[] = [];
  const accepted = new Map<string, { ref: string; atMs: number; isCounted: boolean }>();
  for (const { pool: paths, outcomesFile } of sendings) {
    const pool = readPool(paths);
    const sent = readOutcomes(readFileSync(outcomesFile));
    for (let index = 0; index < pool.count; index++) {
      const { status, answeredAtMs: atMs, isCounted } = sent(index);
      if (status !== 202) continue;
      accepted.set(pool.idempotencyKey(index), { ref: refOf(pool, index), atMs, isCounted });
    }
  }
  const latencies: number[] = [];
  const seen = new Set<string>();
  for (const { idempotencyKey, status, atMs } of ledgers.arrivals) {
    const event = accepted.get(idempotencyKey);
    if (event === undefined)
      faults.push(`${idempotencyKey} ${earlier.has(idempotencyKey) ? 'came again' : 'is unknown'}`);
    else if (seen.has(idempotencyKey)) faults.push(`${idempotencyKey} came to the sink twice`);
    else if (event.isCounted && event.atMs >= fromMs && event.atMs <= toMs) latencies.push(atMs - event.atMs);
    if (status !== 'succeeded') faults.push(`${idempotencyKey} ended as ${status}`);
    seen.add(idempotencyKey);
  }
  const calls = callsByRef(ledgers.calls);
  for (const [key, { ref }] of accepted) {
    if (!seen.has(key)) faults.push(`${key} was accepted and did not arrive`);
    const keys = calls.get(ref) ?? [];
    if (keys.length !== 1) faults.push(`${key} was at the vendor ${keys.length} times: ${keys.join(', ')}`);
    earlier.add(key);
  }
  const counted = [...accepted].filter(([, { isCounted, atMs }]) => isCounted && atMs >= fromMs && atMs <= toMs);
  const times = [...accepted.values()].map(({ atMs }) => atMs);
  return {
    accepted: accepted.size,
    delivered: [...accepted.keys()].filter((key) => seen.has(key)).length,
    latencyMs: percentiles(Float64Array.from(latencies)),
    acceptedAtMs: new Map(counted.map(([key, { atMs }]) => [key, atMs])),
    firstAcceptedAtMs: times.reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY),
    lastArrivedAtMs: ledgers.arrivals.reduce((most, { atMs }) => Math.max(most, atMs), 0),
    faults:
      faults.length > FAULTS_SHOWN
        ? [...faults.slice(0, FAULTS_SHOWN), `and ${faults.length - FAULTS_SHOWN} more`]
        : faults,
  };
}

const refOf = (pool: Pool, index: number): string => REF.exec(pool.body(index).toString('utf8'))?.[1] ?? '';

function callsByRef(calls: readonly VendorCall[]): Map<string, string[]> {
  const byRef = new Map<string, string[]>();
  for (const { ref, key } of calls) byRef.set(ref, [...(byRef.get(ref) ?? []), key]);
  return byRef;
}
