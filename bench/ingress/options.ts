import { parseArgs } from 'node:util';

/** What can be run, in the order in which each round runs it. */
export const SCENARIOS = [
  'ingress-1',
  'ingress-2',
  'ingress-1-always',
  'ingress-2-always',
  'refusals',
  'hostile',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface BenchOptions {
  rounds: number;
  /** How long each measured run lasts. */
  seconds: number;
  /** How many requests run before each measurement, so the compiler has done its work. */
  warmUp: number;
  connections: number;
  /** Leave all processes to the scheduler, in place of one processor for what is measured. */
  isShared: boolean;
  only: ReadonlySet<ScenarioName>;
  resultsFile: string;
}

export const USAGE = `usage: node bench/ingress/main.ts [options]
  --quick            one round of 2 s runs instead of three of 6 s
  --rounds N         how often each scenario runs, round-robin
  --seconds N        how long each run lasts
  --connections N    connections of the closed loop (64)
  --shared           leave all processes to the scheduler, in place of a processor for what is measured
  --only A,B         some of: ${SCENARIOS.join(', ')}
  --results FILE     where the figures go (bench/results/ingress.json)`;

/** Reads the command line; throws an Error with a readable text if it cannot be used. */
export function parseOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      shared: { type: 'boolean', default: false },
      only: { type: 'string', default: SCENARIOS.join(',') },
      results: { type: 'string', default: new URL('../results/ingress.json', import.meta.url).pathname },
    },
  });
  const only = values.only.split(',').map((name) => {
    const known = SCENARIOS.find((scenario) => scenario === name.trim());
    if (known === undefined) throw new Error(`there is no scenario ${name}`);
    return known;
  });
  return {
    rounds: positive(values.rounds ?? (values.quick ? '1' : '3'), '--rounds'),
    seconds: positive(values.seconds ?? (values.quick ? '2' : '6'), '--seconds'),
    warmUp: values.quick ? 4_000 : 24_000,
    connections: positive(values.connections, '--connections'),
    isShared: values.shared,
    only: new Set(only),
    resultsFile: values.results,
  };
}

/** Reads a positive number given under a name. */
export function positive(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a positive number`);
  return value;
}
