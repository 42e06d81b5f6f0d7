import { round, type Spread, spread } from '../measure/statistics.ts';
import { INGRESS_SCENARIOS, type IngressScenario, type Round, type Target } from './results.ts';

/** One scenario of ingress over all rounds. */
export interface IngressSummary {
  perSecond: Spread;
  p50: Spread;
  p95: Spread;
  p99: Spread;
  cpuIngress: Spread;
  cpuNats: Spread;
  cpuSum: Spread;
  rssMb: Spread;
  stealPercent: Spread;
  /** The round in which the machine was least disturbed at the peak; n is small, but it is not picked by its result. */
  quietest: { perSecond: number; cpuSum: number; stealPercent: number };
}

/** Middle and extremes of each figure, by scenario. */
export function summarise(rounds: readonly Round[]): Partial<Record<IngressScenario, IngressSummary>> {
  const summary: Partial<Record<IngressScenario, IngressSummary>> = {};
  for (const name of INGRESS_SCENARIOS) {
    const one = summariseScenario(rounds, name);
    if (one !== null) summary[name] = one;
  }
  return summary;
}

function summariseScenario(rounds: readonly Round[], name: IngressScenario): IngressSummary | null {
  const measured = rounds.flatMap((each) => {
    const run = each[name];
    return run ?? [];
  });
  const [first] = measured;
  if (first === undefined) return null;
  const of = (read: (one: (typeof measured)[number]) => number, digits = 3): Spread =>
    spread(measured.map(read), digits);
  const quiet = measured.reduce((a, b) => (b.peak.stealPercent < a.peak.stealPercent ? b : a), first).peak;
  return {
    perSecond: of((run) => run.peak.perSecond, 0),
    p50: of((run) => run.half.latencyMs.p50, 2),
    p95: of((run) => run.half.latencyMs.p95, 2),
    p99: of((run) => run.half.latencyMs.p99, 2),
    cpuIngress: of((run) => run.peak.cpuMs.ingress),
    cpuNats: of((run) => run.peak.cpuMs.nats),
    cpuSum: of((run) => run.peak.cpuMs.sum),
    rssMb: of((run) => Math.max(...run.rssMb), 0),
    stealPercent: of((run) => run.peak.stealPercent, 1),
    quietest: { perSecond: quiet.perSecond, cpuSum: round(quiet.cpuMs.sum), stealPercent: quiet.stealPercent },
  };
}

/** The numbers to reach, each next to the median of what was measured; those not measured are left out. */
export function compareTargets(rounds: readonly Round[]): Target[] {
  const summary = summarise(rounds);
  const target = (name: string, limit: number, measured: number | undefined): Target[] =>
    measured === undefined ? [] : [{ name, limit, measured, isMet: measured <= limit }];
  const median = <Run>(runs: readonly Run[], read: (run: Run) => number): number | undefined =>
    runs.length === 0 ? undefined : spread(runs.map(read)).median;
  const hostile = rounds.flatMap(({ hostile: run }) => (run === undefined ? [] : [run]));
  const refusals = rounds.flatMap(({ refusals: run }) => (run === undefined ? [] : [run]));
  const one = summary['ingress-1'];
  return [
    ...target('CPU ms per event, default sync', 0.4, one?.cpuSum.median),
    ...target('CPU ms per event, sync always', 0.6, summary['ingress-1-always']?.cpuSum.median),
    ...target('p99 at half load, ms', 25, one?.p99.median),
    ...target(
      'good p95 in the hostile mix ÷ alone',
      2,
      median(hostile, (run) => run.mix.p95Ratio),
    ),
    ...target(
      'the same, paced, beside an unpaced attack',
      2,
      median(hostile, (run) => run.paced.p95Ratio),
    ),
    ...target(
      'the same in the mix, refused at once',
      2,
      median(refusals, (run) => run.mix.p95Ratio),
    ),
    ...target(
      'refusing a bad HMAC ÷ accepting',
      1 / 2,
      median(refusals, (run) => run.refusalCost),
    ),
    ...target('RSS of a replica, MB', 200, one?.rssMb.max),
  ];
}
