// `make bench-ingress`: what accepting an event costs. bench/README.md explains each figure.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PINNED_NATS_VERSION } from '@pressferry/embedded';
import { readCommandLine } from '@pressferry/runtime';
import { openBench } from './bench.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { printable } from './report/print.ts';
import { describeMachine, type Results, type Round } from './report/results.ts';
import { compareTargets, summarise } from './report/summarise.ts';
import { runRound } from './round.ts';

const options = readCommandLine(USAGE, parseOptions);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const startedAt = new Date();
const rounds = await runRounds(options);
const targets = compareTargets(rounds);
const results: Results = {
  startedAt: startedAt.toISOString(),
  seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  machine: describeMachine(PINNED_NATS_VERSION),
  options: {
    rounds: options.rounds,
    secondsPerRun: options.seconds,
    connections: options.connections,
    isShared: options.isShared,
  },
  summary: summarise(rounds),
  targets,
  rounds,
};
await mkdir(dirname(options.resultsFile), { recursive: true });
await writeFile(options.resultsFile, `${JSON.stringify(results, null, 2)}\n`);
console.log(`\n${printable(rounds, targets)}\n\nwritten to ${options.resultsFile}`);
// A number that is missed is a finding; an accepted event that is not stored is a fault.
process.exit(hasFaults(rounds) ? 1 : 0);

async function runRounds({ rounds: count, ...rest }: BenchOptions): Promise<Round[]> {
  await using bench = await openBench(console.error, rest.isShared);
  const done: Round[] = [];
  for (let number = 1; number <= count; number++) {
    done.push(await runRound(bench, rest, (what) => console.error(`round ${number} of ${count}: ${what}`)));
  }
  return done;
}

function hasFaults(all: readonly Round[]): boolean {
  return all.some((each) => Object.values(each).some((run) => 'proof' in run && run.proof.faults.length > 0));
}
