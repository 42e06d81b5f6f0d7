import { type Fault, inSeconds } from './judge.ts';
import type { Outcome } from './scenario.ts';

/** One scenario in a line, as soon as it is over. */
export function describe({ scenario, verdict, faults, seconds, ends }: Outcome): string {
  const mark = verdict.broken.length === 0 ? '✓' : '✗';
  const stalls = faults.filter(({ target }) => target === 'outside');
  const lines = [
    `${mark} ${scenario.name.padEnd(30)} ${seconds.toFixed(0).padStart(4)} s  ${scenario.title}: ${verdict.accepted} accepted, ${verdict.lost.length} lost`,
    ...verdict.broken.map((what) => `    ${what}`),
    ...(verdict.broken.length === 0 ? [] : [`    faults: ${faults.map(timed).join(', ')}`]),
    ...(stalls.length === 0 ? [] : [`    not ours: ${stalls.map(timed).join(', ')}`]),
    ...(ends.length === 0 ? [] : [`    ended by themselves or by us: ${summary(ends)}`]),
  ];
  return lines.join('\n');
}

const timed = ({ what, startMs, endMs }: Fault): string => `${what} (${inSeconds(startMs)} to ${inSeconds(endMs)})`;

function summary(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`)).join(', ');
}

/** The table at the end, what was broken, and what did not run. */
export function printable(
  outcomes: readonly Outcome[],
  { skipped, later, brokenLater }: Record<'skipped' | 'later' | 'brokenLater', readonly string[]>,
): string {
  const head = ['', 'sent', '202', 'lost', 'failed', 'results again', 'calls again', 'drained after s', ''];
  const rows = outcomes.map(({ scenario, verdict }) => [
    scenario.name,
    String(verdict.sent),
    String(verdict.accepted),
    String(verdict.lost.length),
    String(verdict.failed.length),
    String(verdict.repeatedResults),
    String(verdict.repeatedCalls),
    verdict.lost.length > 0 ? '-' : (verdict.drainedAfterMs / 1000).toFixed(1),
    verdict.broken.length === 0 ? 'kept' : 'BROKEN',
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => (row[at] ?? '').length)));
  const table = [head, ...rows].map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
  const broken = [
    ...outcomes.flatMap(({ scenario, verdict }) => verdict.broken.map((what) => `${scenario.name}: ${what}`)),
    ...brokenLater,
  ];
  return [
    '',
    ...table,
    ...(broken.length === 0 ? [] : ['', 'BROKEN:', ...broken]),
    ...(later.length === 0 ? [] : ['', 'of what was lost:', ...later]),
    ...(skipped.length === 0 ? [] : ['', `not run, the time was over: ${skipped.join(', ')}`]),
    '',
    broken.length === 0 ? 'every promise was kept' : `${broken.length} promises were broken`,
  ].join('\n');
}
