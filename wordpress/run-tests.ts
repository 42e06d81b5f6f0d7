import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import type { Counts, Lane } from './lanes/lane.ts';
import { nativeLane, networkLane } from './lanes/native.ts';
import { playgroundLane } from './lanes/playground.ts';

const USAGE = `usage: node wordpress/run-tests.ts [options]
  --lane WORD  runs only the lanes with that word in their name: native, network, 7.4, 8.5`;

// The oldest and the newest PHP that the plugin promises.
const PLAYGROUND_PHPS = ['7.4', '8.5'];

const cacheDir = process.env.PRESSFERRY_CACHE_DIR ?? fileURLToPath(new URL('../.pressferry/cache', import.meta.url));
const wanted = readCommandLine(
  USAGE,
  (args) => parseArgs({ args, options: { lane: { type: 'string', default: '' } } }).values.lane,
);
const lanes: Lane[] = [nativeLane, networkLane, ...PLAYGROUND_PHPS.map((version) => playgroundLane(version, cacheDir))];

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const summary: string[] = [];

async function runLane(lane: Lane): Promise<void> {
  const held: string[] = lane.runsWithOthers === true ? [`\n── ${lane.name}\n`] : [];
  if (held.length === 0) console.log(`\n── ${lane.name}`);
  const startedMs = Date.now();
  const counts = await lane.run(held.length === 0 ? undefined : (text) => held.push(text)).catch((error: unknown) => {
    console.error(error);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  process.stdout.write(held.join(''));
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  summary.push(
    `ran      ${lane.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, ${seconds} s`,
  );
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
}

const together: Lane[] = [];
for (const lane of lanes) {
  const isWanted = lane.name.toLowerCase().includes(wanted.toLowerCase());
  const reason = isWanted ? await lane.unavailable() : `--lane=${wanted} was asked for`;
  if (reason !== undefined) summary.push(`not run  ${lane.name}: ${reason}`);
  else if (lane.runsWithOthers === true) together.push(lane);
  else await runLane(lane);
}
await Promise.all(together.map(runLane));

console.log(`\n${summary.join('\n')}`);
if (total.passed === 0 && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
