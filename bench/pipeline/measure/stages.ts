import { type Percentiles, percentiles } from '../../ingress/measure/statistics.ts';
import type { Ledgers } from '../proof.ts';
import type { DatabaseMeter } from './postgres.ts';

/** Where the journeys of one site spent their time, in ms, stage by stage. */
export type Stages = Record<(typeof STAGES)[number], Percentiles>;

/** Each from the end of the stage before. */
export const STAGES = [
  '202 to storing',
  'to the claim',
  'to the vendor',
  'at the vendor',
  'to settling',
  'to the sink',
] as const;

/**
 * Puts together what Postgres and both ledgers say of the events of a site that were accepted from `fromMs` to `toMs`, by idempotency key;
 * times of the ledgers and of the acceptance are of the monotonic clock, which is `clockOffsetMs` behind the wall clock.
 */
export async function stagesOf(
  meter: DatabaseMeter,
  ledgers: Ledgers,
  {
    siteId,
    acceptedAtMs,
    clockOffsetMs,
  }: { siteId: string; acceptedAtMs: ReadonlyMap<string, number>; clockOffsetMs: number },
): Promise<Stages> {
  const arrivedAtMs = new Map(ledgers.arrivals.map(({ idempotencyKey, atMs }) => [idempotencyKey, atMs]));
  const calls = new Map(ledgers.calls.map((call) => [call.ref, call]));
  const rows = await meter.query(`
    select idempotency_key as key, object_ref as ref, ${ms('stored_at')} as stored, ${ms('started_at')} as claimed,
      ${ms('completed_at')} as settled
    from events join past_runs run using (filed_at, request_id, idempotency_key) join results using (filed_at, run_id)
    where events.site_id = '${siteId}'`);
  const times: number[][] = [];
  for (const row of rows as unknown as Row[]) {
    const [accepted, arrived, call] = [acceptedAtMs.get(row.key), arrivedAtMs.get(row.key), calls.get(row.ref)];
    if (accepted === undefined || arrived === undefined || call === undefined || call.answeredAtMs === null) continue;
    const own = (wallMs: number): number => wallMs - clockOffsetMs;
    times.push([accepted, own(row.stored), own(row.claimed), call.atMs, call.answeredAtMs, own(row.settled), arrived]);
  }
  const stage = (at: number): Percentiles =>
    percentiles(Float64Array.from(times, (one) => (one[at + 1] ?? 0) - (one[at] ?? 0)));
  return Object.fromEntries(STAGES.map((name, at) => [name, stage(at)])) as Stages;
}

interface Row {
  key: string;
  ref: string;
  stored: number;
  claimed: number;
  settled: number;
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;
