// Runs the tests in lanes: `node tests/run.ts [lane…]`, all of them but `slow` by default. Ends with 0 only when every lane ran tests and none failed.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { resolveNatsServer } from '@pressferry/embedded';
import { installWordPress } from '@pressferry/embedded/wordpress';
import { checkLane } from './lanes/check.ts';
import { ROOT } from './lanes/command.ts';
import { type Lane, type Result, succeeded, summary } from './lanes/lane.ts';
import { nodeTestLane } from './lanes/node-test.ts';
import { wordpressLane } from './lanes/wordpress.ts';

/** Finds or fetches, once, what many test files would else fetch at the same time; it begins with the first lane. */
async function prepare(): Promise<NodeJS.ProcessEnv> {
  const cacheDir = join(ROOT, '.pressferry/cache');
  const onProgress = (line: string): void => console.log(`   (meanwhile: ${line})`);
  const [natsServer] = await Promise.all([
    resolveNatsServer({ cacheDir, onProgress }),
    installWordPress({ cacheDir, onProgress }),
  ]);
  return { ...process.env, NATS_SERVER_PATH: natsServer };
}

let prepared: Promise<NodeJS.ProcessEnv> | undefined;
const withServers = (): Promise<NodeJS.ProcessEnv> => (prepared ??= prepare());
const withoutServers = async (): Promise<NodeJS.ProcessEnv> => process.env;

const LANES: Lane[] = [
  checkLane,
  nodeTestLane('units', {
    files: [
      'packages/*/src/**/*.test.ts',
      'services/*/src/**/*.test.ts',
      'tests/lanes/*.test.ts',
      'tests/chart/*.test.ts',
      'tests/repository/*.test.ts',
      'bench/ingress/{load,measure}/*.test.ts',
      'bench/pipeline/**/*.test.ts',
      'tests/chaos/judge.test.ts',
    ],
    concurrency: availableParallelism(),
    env: withoutServers,
  }),
  nodeTestLane('services', {
    files: [
      'packages/*/test/**/*.test.ts',
      'services/*/test/**/*.test.ts',
      'tests/operations/*.test.ts',
      'tests/reports/*.test.ts',
      'bench/ingress/test/*.test.ts',
    ],
    // These wait more than they work: three files at once halve the time on two cores.
    concurrency: Math.max(3, availableParallelism()),
    env: withServers,
  }),
  wordpressLane,
  nodeTestLane('end-to-end', {
    files: ['tests/e2e/**/*.test.ts', 'tests/chaos/chaos.test.ts'],
    concurrency: 1,
    env: withServers,
  }),
  nodeTestLane('slow', { files: ['tests/slow/*.test.ts'], concurrency: 1, env: withServers }),
];
/** Run when they are named only: they take minutes. */
const BY_NAME = ['slow'];

async function runLane(lane: Lane): Promise<Result> {
  console.log(`\n── ${lane.name}`);
  const startedMs = performance.now();
  const report = await lane.run().catch((error: unknown) => {
    console.error(error);
    return { passed: 0, failed: 1, skipped: [], failures: [{ name: 'the lane itself', reason: String(error) }] };
  });
  return { ...report, lane: lane.name, seconds: (performance.now() - startedMs) / 1000 };
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !LANES.some((lane) => lane.name === name));
if (unknown.length > 0) {
  console.error(`no such lane: ${unknown.join(', ')}; there are ${LANES.map((lane) => lane.name).join(', ')}`);
  process.exit(2);
}
const isAsked = ({ name }: Lane): boolean => (asked.length === 0 ? !BY_NAME.includes(name) : asked.includes(name));
const results: Result[] = [];
// A failure is that of the lane that waits for it.
if (asked.length === 0) withServers().catch(() => undefined);
for (const lane of LANES.filter(isAsked)) results.push(await runLane(lane));
const notAsked = LANES.filter((lane) => !isAsked(lane)).map((lane) => lane.name);
console.log(`\n${summary(results, notAsked).join('\n')}`);
process.exitCode = succeeded(results) ? 0 : 1;
