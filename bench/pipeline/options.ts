import { parseArgs } from 'node:util';
import { positive } from '../ingress/options.ts';

/** The scenarios of each shape. */
const PHASES = ['burst', 'steady', 'at-50', 'at-100', 'at-half'] as const;
export type PhaseName = (typeof PHASES)[number];
/** What else is measured, each on its own stacks. */
export const SCENARIOS = ['noisy-neighbour', 'ten-enrichers', 'filled', 'pinned'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface PipelineOptions {
  sites: number[];
  replicas: number[];
  sync: ('default' | 'always')[];
  phases: ReadonlySet<PhaseName>;
  scenarios: readonly ScenarioName[];
  /** Journeys sent at once. */
  burst: number;
  /** How long each other phase lasts. */
  seconds: number;
  /** Journeys on their way at once in the steady phase. */
  window: number;
  warmUp: number;
  vendorMs: number;
  rounds: number;
  /** Finished rows of the scenario `filled`. */
  rows: number;
  /** Of a database that `keepFilledDir` made. */
  filledDir: string | undefined;
  /** A filled database is made there, and nothing is measured. */
  keepFilledDir: string | undefined;
  /** Events of the loud site in the scenario `noisy-neighbour`. */
  loud: number;
  /** How long the scenario `pinned` lasts. */
  pinnedSeconds: number;
  checkout: string | undefined;
  versus: string | undefined;
  /** Tells also what planning costs, and writes V8's profiles of the services to a folder. */
  profileDir: string | undefined;
  resultsFile: string;
}

export const USAGE = `usage: node bench/pipeline/main.ts [options]
  --quick              40 sites, one replica, default sync, short phases: about 75 s
  --sites 1,40,200     how many sites share the load
  --replicas 1,2       of enricher and of callback
  --sync default,always  whether nats-server calls fsync before each acknowledgement
  --phases A,B         some of: ${PHASES.join(', ')}
  --scenarios A,B      some of: ${SCENARIOS.join(', ')} (alone unless --phases is given too)
  --burst N            journeys sent at once (4000)
  --seconds N          how long each other phase lasts (15)
  --window N           journeys on their way at once in the steady phase (1000)
  --vendor-ms N        how long the vendor takes (5)
  --rounds N           how often each shape, and the scenario filled, is measured (1; with --versus 2)
  --rows N             finished rows of the scenario filled (1000000)
  --keep-filled DIR    fill a database with --rows finished journeys there, and end
  --filled DIR         the scenario filled takes that database, and adds its journeys to it
  --loud N             events that the loud site of noisy-neighbour sends at once (5000)
  --pinned-seconds N   how long a transaction stays open in the scenario pinned (60)
  --checkout DIR       run the services of another checkout, its packages installed
  --versus DIR         measure another checkout too, in turn, and print the ratios
  --profile DIR        write V8's profiles of the services there; time Postgres' planning
  --results FILE       where the figures go (bench/results/pipeline.json)`;

const TEXT = { type: 'string' } as const;

/** Reads the command line; throws an Error with a readable text if it cannot be used. */
export function parseOptions(args: string[]): PipelineOptions {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      sites: TEXT,
      replicas: TEXT,
      sync: TEXT,
      phases: TEXT,
      scenarios: TEXT,
      burst: TEXT,
      seconds: TEXT,
      window: { ...TEXT, default: '1000' },
      'vendor-ms': { ...TEXT, default: '5' },
      rounds: TEXT,
      rows: TEXT,
      filled: TEXT,
      'keep-filled': TEXT,
      loud: { ...TEXT, default: '5000' },
      'pinned-seconds': { ...TEXT, default: '60' },
      checkout: TEXT,
      versus: TEXT,
      profile: TEXT,
      results: { ...TEXT, default: new URL('../results/pipeline.json', import.meta.url).pathname },
    },
  });
  const { quick } = values;
  const scenarios = values.scenarios === undefined ? [] : namesOf(values.scenarios, SCENARIOS);
  if (values.filled !== undefined && values['keep-filled'] !== undefined)
    throw new Error('--keep-filled makes a database and --filled takes one: give one of them');
  if (values.filled !== undefined && !scenarios.includes('filled'))
    throw new Error('--filled is for the scenario filled: --scenarios filled');
  if (values.filled !== undefined && values.rows !== undefined)
    throw new Error('--rows is for --keep-filled: a database that --filled takes has its rows');
  const everyPhase = scenarios.length > 0 ? '' : quick ? 'burst,at-50,at-half' : PHASES.join(',');
  return {
    sites: numbersOf(values.sites ?? (quick ? '40' : '1,40,200'), '--sites'),
    replicas: numbersOf(values.replicas ?? (quick ? '1' : '1,2'), '--replicas'),
    sync: namesOf(values.sync ?? (quick ? 'default' : 'default,always'), ['default', 'always']),
    phases: new Set(namesOf(values.phases ?? everyPhase, PHASES)),
    scenarios,
    burst: positive(values.burst ?? (quick ? '2000' : '4000'), '--burst'),
    seconds: positive(values.seconds ?? (quick ? '8' : '15'), '--seconds'),
    window: positive(values.window, '--window'),
    warmUp: quick ? 800 : 1_500,
    vendorMs: positive(values['vendor-ms'], '--vendor-ms'),
    rounds: positive(values.rounds ?? (values.versus === undefined ? '1' : '2'), '--rounds'),
    rows: positive(values.rows ?? '1000000', '--rows'),
    filledDir: values.filled,
    keepFilledDir: values['keep-filled'],
    loud: positive(values.loud, '--loud'),
    pinnedSeconds: positive(values['pinned-seconds'], '--pinned-seconds'),
    checkout: values.checkout,
    versus: values.versus,
    profileDir: values.profile,
    resultsFile: values.results,
  };
}

const partsOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const numbersOf = (text: string, option: string): number[] => partsOf(text).map((part) => positive(part, option));

function namesOf<T extends string>(text: string, known: readonly T[]): T[] {
  return partsOf(text).map((part) => {
    const name = known.find((one) => one === part);
    if (name === undefined) throw new Error(`"${part}" is none of ${known.join(', ')}`);
    return name;
  });
}
