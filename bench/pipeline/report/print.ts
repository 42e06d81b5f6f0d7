import { round, spread } from '../../ingress/measure/statistics.ts';
import { table } from '../../ingress/report/print.ts';
import type { Phase } from '../phase.ts';
import type { ShapeRun } from '../shape.ts';
import type { Shape } from '../subject.ts';

/** A shape in words. */
export const describeShape = ({ sites, replicas, syncAlways }: Shape): string =>
  `${sites} ${sites === 1 ? 'site' : 'sites'}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, sync ${syncAlways ? 'always' : 'default'}`;

interface Row {
  shape: string;
  variant: string;
  phase: string;
  runs: Phase[];
}

/** The figures of all runs as a person reads them, the medians over the rounds; with two variants, their ratios too. */
export function printable(runs: readonly ShapeRun[]): string {
  const rows = rowsOf(runs);
  const variants = [...new Set(runs.map(({ variant }) => variant))];
  const parts = [phaseTable(rows, variants.length > 1), leftTable(runs, variants.length > 1)];
  const [first, second] = variants;
  if (first !== undefined && second !== undefined) parts.push(ratioTable(rows, first, second));
  return parts.join('\n\n');
}

function rowsOf(runs: readonly ShapeRun[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { variant, shape, phases } of runs) {
    for (const phase of phases) {
      // The rate of `at half` is another in each run.
      const name = phase.name.replace(/,.*/, '');
      const key = `${describeShape(shape)}|${name}|${variant}`;
      const row = rows.get(key) ?? { shape: describeShape(shape), variant, phase: name, runs: [] };
      row.runs.push(phase);
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}

const median = (values: readonly number[], digits: number): number => spread(values, digits).median;

function phaseTable(rows: readonly Row[], hasVariants: boolean): string {
  const head = ['', 'phase', '/s', 'CPU ms', 'postgres', 'enricher', 'callback', 'nats', 'ingress', 'commits', 'calls'];
  const more = ['WAL KB', 'p50', 'p95', 'p99', '202 p99', 'steal %', 'others %', 'n'];
  const lines = rows.map(({ shape, variant, phase, runs }) => {
    const of = (pick: (run: Phase) => number | undefined, digits = 2): string =>
      String(
        median(
          runs.map((run) => pick(run) ?? 0),
          digits,
        ),
      );
    const cpu = (service: string): string => of(({ cpuMsEach }) => cpuMsEach[service]);
    return [
      hasVariants ? `${shape} (${variant})` : shape,
      phase,
      of(({ perSecond }) => perSecond, 0),
      of(({ cpuMsEachSum }) => cpuMsEachSum),
      ...['postgres', 'enricher', 'callback', 'nats', 'ingress'].map(cpu),
      of(({ commitsEach }) => commitsEach),
      of(({ statementsEach }) => statementsEach),
      of(({ walKbEach }) => walKbEach, 1),
      of(({ latencyMs }) => latencyMs.p50, 1),
      of(({ latencyMs }) => latencyMs.p95, 0),
      of(({ latencyMs }) => latencyMs.p99, 0),
      of(({ acceptMs }) => acceptMs.p99, 0),
      of(({ stealPercent }) => stealPercent, 1),
      of(({ othersPercent }) => othersPercent, 0),
      String(runs.length),
    ];
  });
  return table([...head, ...more], lines);
}

/** What stays: memory, and bytes a journey. */
function leftTable(runs: readonly ShapeRun[], hasVariants: boolean): string {
  const services = ['postgres', 'enricher', 'callback', 'nats', 'ingress'];
  const name = ({ variant, shape }: ShapeRun): string =>
    hasVariants ? `${describeShape(shape)} (${variant})` : describeShape(shape);
  const each = (figures: Readonly<Record<string, number>>): string[] =>
    services.map((service) => String(round(figures[service] ?? 0, 1)));
  const left = runs.map((run) => {
    const { memoryMb, journeys, databaseKbEach, natsKbEach } = run;
    return [name(run), ...each(memoryMb), String(journeys), String(databaseKbEach), String(natsKbEach)];
  });
  const idle = runs.map((run) => [name(run), ...each(run.idleMsPerSecond)]);
  return [
    table(['memory at the end, MB', ...services, 'after journeys', 'database KB each', 'nats KB each'], left),
    table(['CPU ms a second, idle', ...services], idle),
  ].join('\n\n');
}

function ratioTable(rows: readonly Row[], first: string, second: string): string {
  const lines = rows
    .filter(({ variant }) => variant === first)
    .flatMap((row) => {
      const other = rows.find((one) => one.variant === second && one.shape === row.shape && one.phase === row.phase);
      if (other === undefined) return [];
      const ratio = (pick: (run: Phase) => number): string =>
        String(round(median(other.runs.map(pick), 4) / median(row.runs.map(pick), 4), 2));
      return [
        [
          row.shape,
          row.phase,
          ratio(({ perSecond }) => perSecond),
          ratio(({ cpuMsEachSum }) => cpuMsEachSum),
          ratio(({ commitsEach }) => commitsEach),
          ratio(({ statementsEach }) => statementsEach),
          ratio(({ walKbEach }) => walKbEach),
          ratio(({ latencyMs }) => latencyMs.p50),
          ratio(({ latencyMs }) => latencyMs.p99),
        ],
      ];
    });
  const head = [`${second} ÷ ${first}`, 'phase', '/s', 'CPU ms', 'commits', 'calls', 'WAL', 'p50', 'p99'];
  return table(head, lines);
}
