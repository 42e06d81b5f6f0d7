// Fuzzes ingress: every property test, and a listening server, in rotation for so long: `node services/ingress/fuzz/main.ts --minutes 5`.
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { runFile } from './run-file.ts';
import { openTally } from './tally.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PATTERNS = [
  'packages/{contracts,sites}/src/**/*.property.test.ts',
  'services/ingress/src/**/*.property.test.ts',
  'services/ingress/fuzz/*.fuzz.ts',
];
/** What everything else is for: the pipeline and the server get more of the time. */
const WEIGHTS: Readonly<Record<string, number>> = { 'handle.property.test.ts': 6, 'wire.fuzz.ts': 6 };
/** So that each target is seen early, the first round is short. */
const FIRST_MS = 400;
const LATER_MS = 2_000;
/** What a process needs to start and end. */
const OVERHEAD_MS = 2_500;

const USAGE = `usage: node services/ingress/fuzz/main.ts [options]
  --minutes N    how long all targets together run (5)
  --seconds N    the same in seconds`;
const totalMs = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({ args, options: { minutes: { type: 'string' }, seconds: { type: 'string' } } });
  const ms = values.seconds === undefined ? Number(values.minutes ?? 5) * 60_000 : Number(values.seconds) * 1_000;
  if (!(ms > 0)) throw new Error('--minutes and --seconds take a number above 0');
  return ms;
});

const files = globSync(PATTERNS, { cwd: ROOT }).sort();
const tally = openTally(ROOT);
const deadlineMs = performance.now() + totalMs;
const running = new Set<string>();
let turns = 0;

/** The next file of the rotation and how long each of its targets may take; null when the time is up. */
function next(): { file: string; sliceMs: number } | null {
  for (let tries = 0; tries < files.length; tries++) {
    const round = Math.floor(turns / files.length);
    const file = files[turns++ % files.length] ?? '';
    // Two of one would only compete.
    if (running.has(file)) continue;
    const weight = WEIGHTS[file.split('/').at(-1) ?? ''] ?? 1;
    const wanted = weight * (round === 0 ? FIRST_MS : LATER_MS);
    const leftMs = (deadlineMs - performance.now() - OVERHEAD_MS) / (tally.targetsOf(file) ?? 10);
    const sliceMs = Math.floor(Math.min(wanted, leftMs));
    if (sliceMs >= 50) return { file, sliceMs };
  }
  return null;
}

async function work(): Promise<void> {
  for (let turn = next(); turn !== null; turn = next()) {
    running.add(turn.file);
    tally.add(turn.file, await runFile(ROOT, turn.file, turn.sliceMs));
    running.delete(turn.file);
  }
}

console.log(`fuzzing ${files.length} files for ${Math.round(totalMs / 1000)} s`);
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
console.log(tally.lines().join('\n'));
process.exitCode = tally.failed() ? 1 : 0;
