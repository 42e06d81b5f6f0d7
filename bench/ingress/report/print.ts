import { round, type Spread, spread } from '../measure/statistics.ts';
import type { Round, Target } from './results.ts';
import { summarise } from './summarise.ts';

/** Text lines of a table, columns as wide as needed, the first left-aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return all.map(line).join('\n');
}

const text = ({ min, median, max, n }: Spread): string => (n === 1 ? `${median}` : `${min}/${median}/${max}`);

/** The results as a person reads them: `min/median/max` over the rounds. */
export function printable(rounds: readonly Round[], targets: readonly Target[]): string {
  const parts = [ingress(rounds), refusals(rounds), hostile(rounds), proofs(rounds), targetTable(targets)];
  return parts.filter((part) => part !== '').join('\n\n');
}

function over<T>(rounds: readonly Round[], pick: (round: Round) => T | undefined): T[] {
  return rounds.flatMap((each) => pick(each) ?? []);
}

function ingress(rounds: readonly Round[]): string {
  const summary = Object.entries(summarise(rounds));
  if (summary.length === 0) return '';
  const peak = summary.map(([name, one]) => [
    name,
    text(one.perSecond),
    text(one.cpuIngress),
    text(one.cpuNats),
    text(one.cpuSum),
    text(one.rssMb),
    text(one.stealPercent),
  ]);
  const half = summary.map(([name, one]) => [name, text(one.p50), text(one.p95), text(one.p99)]);
  const generator = over(rounds, (each) => each['ingress-1']);
  return [
    table(['peak, closed loop', 'accepted/s', 'CPU ingress', 'nats-server', 'sum', 'RSS MB', 'steal %'], peak),
    '',
    table(['half of the peak, open loop', 'p50 ms', 'p95 ms', 'p99 ms'], half),
    ...(generator.length === 0
      ? []
      : [
          `generator: ${text(
            spread(
              generator.map((run) => run.peak.generatorCores),
              2,
            ),
          )} cores at the peak; it woke up late by ` +
            `p99 ${text(
              spread(
                generator.map((run) => run.half.lagMs.p99),
                2,
              ),
            )} ms in the open loop; ` +
            `signing, beforehand: ${text(
              spread(
                generator.map((run) => run.signingUsPerRequest),
                0,
              ),
            )} µs a request`,
        ]),
  ].join('\n');
}

function refusals(rounds: readonly Round[]): string {
  const runs = over(rounds, (each) => each.refusals);
  if (runs.length === 0) return '';
  const of = (read: (run: (typeof runs)[number]) => number, digits = 2): string => text(spread(runs.map(read), digits));
  const rows = [
    ['bad HMACs alone', of((run) => run.badHmac.perSecond, 0), of((run) => run.badHmac.cpuMs.sum, 4), '-'],
    [
      'good alone',
      of((run) => run.goodAlone.perSecond, 0),
      of((run) => run.goodAlone.cpuMs.sum, 4),
      of((run) => run.goodAlone.latencyMs.p95),
    ],
    ['good in the mix', of((run) => run.mix.goodPerSecond, 0), '-', of((run) => run.mix.latencyMs.p95)],
    ['hostile in the mix', of((run) => run.mix.hostilePerSecond, 0), '-', '-'],
  ];
  return table(['hostile, refused at once', 'per second', 'CPU ms each', 'p95 ms'], rows);
}

function hostile(rounds: readonly Round[]): string {
  const runs = over(rounds, (each) => each.hostile);
  if (runs.length === 0) return '';
  const of = (read: (run: (typeof runs)[number]) => number, digits = 2): string => text(spread(runs.map(read), digits));
  const paced = of((run) => run.paced.ratePerSecond, 0);
  const rows = [
    ['good alone', '-', of((run) => run.goodAlone.p95)],
    ['good in the mix', of((run) => run.mix.goodPerSecond, 0), of((run) => run.mix.latencyMs.p95)],
    ['hostile in the mix', of((run) => run.mix.hostilePerSecond, 0), '-'],
    ['good, paced, alone', paced, of((run) => run.paced.alone.p95)],
    ['good, paced, beside bad HMACs', paced, of((run) => run.paced.besideBadHmacs.p95)],
    ['good, paced, beside all kinds', paced, of((run) => run.paced.besideHostile.p95)],
    ['good, paced, beside a crowd', paced, of((run) => run.paced.besideCrowd.p95)],
    ['that crowd', of((run) => run.paced.crowdPerSecond, 0), '-'],
  ];
  return table(['hostile, as deployed', 'per second', 'p95 ms'], rows);
}

function proofs(rounds: readonly Round[]): string {
  const all = rounds.flatMap((each) => Object.values(each).flatMap((run) => ('proof' in run ? [run.proof] : [])));
  if (all.length === 0) return '';
  const accepted = all.reduce((sum, proof) => sum + proof.accepted, 0);
  const stored = all.reduce((sum, proof) => sum + proof.stored, 0);
  const faults = all.flatMap((proof) => proof.faults);
  return faults.length === 0
    ? `proof: ${accepted} times 202, ${stored} events read back, the same keys, request ids, message ids and bodies`
    : `PROOF FAILED: ${accepted} times 202, ${stored} events read back\n  ${faults.join('\n  ')}`;
}

function targetTable(targets: readonly Target[]): string {
  if (targets.length === 0) return '';
  const rows = targets.map(({ name, limit, measured, isMet }) => [
    name,
    `≤ ${round(limit, 2)}`,
    `${round(measured, 3)}`,
    isMet ? 'reached' : 'missed',
  ]);
  return table(['number to reach (medians)', 'limit', 'measured', ''], rows);
}
