import { monotonicMs } from '../../ingress/load/clock.ts';
import { arrivalsIn } from '../../ingress/load/open-loop.ts';
import type { Percentiles } from '../../ingress/measure/statistics.ts';
import { openLab, startGenerator } from '../lab.ts';
import { type Stages, stagesOf } from '../measure/stages.ts';
import { measureWhole, send, untilDelivered } from '../phase.ts';
import { prove } from '../proof.ts';
import { startSubject, type Variant } from '../subject.ts';

/** How a quiet site fares next to one that sends very much at once. */
export interface NoisyNeighbour {
  variant: string;
  alone: Percentiles;
  beside: Percentiles;
  /** From its requests next to the burst to their 202s, which the latencies above leave out. */
  acceptMs: Percentiles;
  /** Where the quiet site's journeys next to the burst spent their time. */
  stages: Stages;
  /** How fast the burst went through. */
  burstPerSecond: number;
  faults: string[];
}

const QUIET_SITE = 'site-000';
const LOUD_SITE = 'site-001';
const QUIET_PER_SECOND = 10;
const ALONE_SECONDS = 12;
const VENDOR_MS = 20;
/** Pools are made in equal parts. */
const SPARE = 2;
/** The quiet site sends for as long as a burst can last. */
const PER_SECOND_AT_LEAST = 80;

/** Two sites: one sends at a steady pace, alone and then while the other sends very many at once. */
export async function measureNoisyNeighbour(variant: Variant, burstSize: number): Promise<NoisyNeighbour> {
  await using lab = await openLab({ sites: 2, vendorMs: VENDOR_MS });
  await using quiet = startGenerator();
  await using subject = await startSubject({ shape: { sites: 2, replicas: 1, syncAlways: false }, variant, lab });
  await measureWhole(subject, 'warm-up', await lab.sign(1_000), { kind: 'burst' });
  const open = (seconds: number) => ({ kind: 'open', ratePerSecond: QUIET_PER_SECOND, seconds }) as const;
  const alone = await measureWhole(
    subject,
    'alone',
    await lab.sign(arrivalsIn(open(ALONE_SECONDS)) + SPARE, 0),
    open(ALONE_SECONDS),
  );

  const before = (await lab.sink.ask({ what: 'count' })).count;
  const order = open(burstSize / PER_SECOND_AT_LEAST);
  const few = await lab.sign(arrivalsIn(order) + SPARE, 0);
  const many = await lab.sign(burstSize, 1);
  const steady = send(subject, few, order, quiet);
  const loud = await send(subject, many, { kind: 'burst' });
  const sent = await steady;
  await untilDelivered(subject, before + (loud.statuses[202] ?? 0) + (sent.statuses[202] ?? 0));
  const ledgers = await lab.takeLedgers();
  const lastLoudMs = Math.max(...ledgers.arrivals.flatMap(({ siteId, atMs }) => (siteId === LOUD_SITE ? [atMs] : [])));
  // Only what was accepted while the burst was on its way.
  const during = prove(
    [{ pool: few.paths, outcomesFile: sent.outcomesFile }],
    {
      arrivals: ledgers.arrivals.filter(({ siteId }) => siteId !== LOUD_SITE),
      calls: ledgers.calls,
    },
    subject.proven,
    { fromMs: loud.startMs, toMs: lastLoudMs },
  );
  const stages = await stagesOf(subject.meter, ledgers, {
    ...{ siteId: QUIET_SITE, acceptedAtMs: during.acceptedAtMs, clockOffsetMs: Date.now() - monotonicMs() },
  });
  const burst = prove(
    [{ pool: many.paths, outcomesFile: loud.outcomesFile }],
    {
      arrivals: ledgers.arrivals.filter(({ siteId }) => siteId === LOUD_SITE),
      calls: ledgers.calls,
    },
    subject.proven,
  );
  return {
    variant: variant.name,
    alone: alone.latencyMs,
    beside: during.latencyMs,
    acceptMs: sent.acceptMs,
    stages,
    burstPerSecond: Math.round(burst.delivered / ((lastLoudMs - loud.startMs) / 1000)),
    faults: [...alone.faults, ...during.faults, ...burst.faults],
  };
}
