import { round, spread } from '../../ingress/measure/statistics.ts';
import { table } from '../../ingress/report/print.ts';
import { grownMost } from '../measure/grown.ts';
import { STAGES } from '../measure/stages.ts';
import type { PipelineOptions, ScenarioName } from '../options.ts';
import type { Phase } from '../phase.ts';
import type { Variant } from '../subject.ts';
import { type Filled, measureFilled } from './filled.ts';
import { measureNoisyNeighbour } from './noisy-neighbour.ts';
import { measurePinned, type Pinned } from './pinned.ts';
import { measureManyEnrichers } from './replicas.ts';

/** What a scenario came to, with lines for people. */
export interface ScenarioRun {
  scenario: ScenarioName;
  variant: string;
  commit: string;
  figures: unknown;
  lines: string;
  faults: string[];
}

export async function measureScenario(
  scenario: ScenarioName,
  variant: Variant,
  options: PipelineOptions,
  say: (what: string) => void,
): Promise<ScenarioRun> {
  const made = (figures: object, lines: string, phases: readonly Pick<Phase, 'faults'>[]): ScenarioRun => {
    const faults = phases.flatMap(({ faults: found }) => found);
    return { scenario, variant: variant.name, commit: variant.commit, figures, lines, faults };
  };
  if (scenario === 'noisy-neighbour') {
    const run = await measureNoisyNeighbour(variant, options.loud);
    const line = ({ p50, p95, p99, max, count }: typeof run.alone): string[] => [p50, p95, p99, max, count].map(String);
    const rows = [
      ['alone', ...line(run.alone)],
      [`beside ${options.loud} at once, ${run.burstPerSecond}/s`, ...line(run.beside)],
      ['  request to 202', ...line(run.acceptMs)],
      ...STAGES.map((stage) => [`  ${stage}`, ...line(run.stages[stage])]),
    ];
    return made(run, table(['a quiet site', 'p50', 'p95', 'p99', 'max ms', 'n'], rows), [run]);
  }
  if (scenario === 'ten-enrichers') {
    const run = await measureManyEnrichers(variant, options);
    return made(run, compared([run.one], [run.ten]), [run.one, run.ten]);
  }
  if (scenario === 'filled') {
    const run = await measureFilled(variant, options, say);
    const size = `${run.bytesEach} bytes each in tables and indexes, bodies shortened; filled in ${run.fillSeconds} s`;
    const lines = [compared(run.empty, run.filled), size, shares(run)].join('\n');
    return made(run, lines, [...run.empty, ...run.filled]);
  }
  const run = await measurePinned(variant, options);
  return made(run, `${compared([run.free], [run.pinned])}\n\n${grown(run)}`, [run.free, run.pinned]);
}

const MOST_GROWN = 10;

/** The statements that read more pages a call while dead rows stay. */
function grown({ free, pinned }: Pinned): string {
  const rows = grownMost(free.pages, pinned.pages, MOST_GROWN).map((statement) => {
    const { text, calls, pagesBefore, pagesAfter, msBefore, msAfter } = statement;
    const before = [pagesBefore, msBefore].map((value) => String(value ?? ''));
    return [text.slice(0, 90), String(calls), before[0] ?? '', String(pagesAfter), before[1] ?? '', String(msAfter)];
  });
  return table(['pages a call grew most', 'calls pinned', 'pages free', 'pinned', 'ms free', 'pinned'], rows);
}

const MOST_WAL = 8;

/** Which tables and indexes a journey's WAL is of. */
function shares({ wal, filled }: Filled): string {
  const journeys = filled.at(-1)?.journeys ?? 1;
  const each = (value: number, digits: number): string => String(round(value / journeys, digits));
  const rows = wal
    .slice(0, MOST_WAL)
    .map(({ name, fullPages, fullPageBytes, dataBytes }) => [
      name,
      each(fullPages, 3),
      each(fullPageBytes, 0),
      each(dataBytes, 0),
    ]);
  return table(['WAL a journey, rows filled', 'full pages', 'their bytes', 'rows and entries, bytes'], rows);
}

/** Phases by turns, and the medians of the seconds over those of the firsts. */
function compared(firsts: readonly Phase[], seconds: readonly Phase[]): string {
  const figures = (phase: Phase): number[] => [
    phase.perSecond,
    phase.cpuMsEachSum,
    phase.cpuMsEach.postgres ?? 0,
    phase.commitsEach,
    phase.statementsEach,
    phase.walKbEach,
    phase.fullPagesEach,
  ];
  const phases = firsts.flatMap((phase, at) => [phase, ...seconds.slice(at, at + 1)]);
  const rows = phases.map((phase) => [phase.name, ...figures(phase).map(String), String(phase.othersPercent)]);
  const middle = (of: readonly Phase[], at: number): number =>
    spread(
      of.map((phase) => figures(phase)[at] ?? 0),
      3,
    ).median;
  const ratios = rows[0]?.slice(1, -1).map((_, at) => String(round(middle(seconds, at) / middle(firsts, at), 2))) ?? [];
  const head = ['', '/s', 'CPU ms', 'postgres', 'commits', 'calls', 'WAL KB', 'full pages', 'others %'];
  return table(head, [...rows, ['ratio', ...ratios, '']]);
}
