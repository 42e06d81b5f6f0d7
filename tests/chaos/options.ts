import { parseArgs } from 'node:util';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

export interface ChaosOptions {
  scenarios: readonly Scenario[];
  isQuick: boolean;
  seed: string;
  /** How often each scenario is played. */
  times: number;
  minutes: number;
  checkout: string | undefined;
  /** Keeps the services' logs and says where. */
  keep: boolean;
  replicas: number;
}

export const USAGE = `usage: node tests/chaos/main.ts [options]
  --quick          shorter faults, and the most telling scenarios: about two minutes
  --only A,B       these scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --times N        plays each scenario so often (1)
  --seed TEXT      brings the same run back; printed at the start
  --minutes N      begins no scenario after so long (10)
  --replicas N     of enricher and of callback (1); faults hit the first of each
  --checkout DIR   runs the services of another checkout, its packages installed
  --keep           keeps the logs of the services, as a run does that broke a promise`;

/** Reads the command line; throws an Error with a readable text if it cannot be used. */
export function parseOptions(args: string[]): ChaosOptions {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false, short: 'h' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      seed: { type: 'string' },
      times: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '10' },
      checkout: { type: 'string' },
      keep: { type: 'boolean', default: false },
      replicas: { type: 'string', default: '1' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { quick: isQuick, only } = values;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes must be a positive number`);
  const times = Number(values.times);
  if (!(Number.isInteger(times) && times >= 1)) throw new Error(`--times must be a whole number from 1\n${USAGE}`);
  const replicas = Number(values.replicas);
  if (!(replicas >= 1 && replicas <= 8)) throw new Error(`--replicas must be from 1 to 8`);
  return {
    isQuick,
    minutes,
    replicas,
    times,
    seed: values.seed ?? String(Date.now() % 1_000_000),
    checkout: values.checkout,
    keep: values.keep,
    scenarios:
      only === undefined
        ? SCENARIOS.filter((one) => one.onlyByName !== true && (!isQuick || one.isQuick === true))
        : only.split(',').map(named),
  };
}

function named(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name.trim());
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}
