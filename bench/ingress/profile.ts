// Where ingress spends its CPU time: runs one replica under the closed loop with V8's sampling profiler and prints the functions by self time.
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { openBench } from './bench.ts';
import type { PoolKind } from './load/requests.ts';
import { machineTicks } from './measure/processes.ts';
import { positive } from './options.ts';
import { table } from './report/print.ts';
import { type CpuProfile, selfTimes } from './report/profile.ts';
import { startStack } from './system/stack.ts';

const USAGE = `usage: node bench/ingress/profile.ts [options]
  --kind NAME    what is sent (good)
  --seconds N    how long is measured (8)
  --top N        functions printed (45)
  --always       nats-server calls fsync before each acknowledgement
  --keep FILE    keeps the profile there`;
const { values } = readCommandLine(USAGE, (args) => {
  const read = parseArgs({
    args,
    options: {
      kind: { type: 'string', default: 'good' },
      seconds: { type: 'string', default: '8' },
      top: { type: 'string', default: '45' },
      always: { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  });
  positive(read.values.seconds, '--seconds');
  positive(read.values.top, '--top');
  return read;
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const seconds = positive(values.seconds, '--seconds');
const kind = values.kind as PoolKind;
/** More than any run uses. */
const REQUESTS_PER_SECOND = 4_500;

/** Left out at the beginning, while the compiler is at work. */
const WARM_UP_S = 3;
const SHOWN_FROM = 0.004;
const MAX_NAME = 100;

const { profile, perSecond, stealPercent, sinceLoadMs } = await takeProfile();
const span = { fromMs: sinceLoadMs - WARM_UP_S * 1000, forMs: seconds * 1000 };
const { rows, groups, busyMs } = selfTimes(profile, span);
const answered = perSecond * seconds;
const percent = (ms: number): string => ((100 * ms) / busyMs).toFixed(1);
console.log(
  `${perSecond.toFixed(0)} answers a second, ${(busyMs / answered).toFixed(3)} ms of the main thread each; steal ${stealPercent} %\n`,
);
console.log(
  table(
    ['self time by origin', '%'],
    groups.filter(({ ms }) => ms > SHOWN_FROM * busyMs).map(({ name, ms }) => [name, percent(ms)]),
  ),
);
const top = rows.slice(0, positive(values.top, '--top'));
console.log(
  `\n${table(
    ['self time by function', '%'],
    top.map(({ name, ms }) => [name.slice(0, MAX_NAME), percent(ms)]),
  )}`,
);

interface Taken {
  profile: CpuProfile;
  perSecond: number;
  stealPercent: number;
  /** From the first request to the end of the process. */
  sinceLoadMs: number;
}

async function takeProfile(): Promise<Taken> {
  await using bench = await openBench(console.error);
  const dir = join(bench.diskDir, 'profiles');
  const isHostile = kind !== 'good';
  const pool = await bench.sign(isHostile ? 1_000 : REQUESTS_PER_SECOND * (seconds + WARM_UP_S), kind);
  const before = machineTicks();
  let perSecond = 0;
  let loadMs = 0;
  {
    await using stack = await startStack(
      { replicas: 1, syncAlways: values.always, env: { REFUSAL_DELAY_MS: '0' } },
      {
        natsBinary: bench.natsBinary,
        dir: bench.diskDir,
        ingressArgv: ['--cpu-prof', `--cpu-prof-dir=${dir}`, '--cpu-prof-interval=400'],
      },
    );
    const order = {
      ports: stack.ports,
      connections: 64,
      seconds: seconds + WARM_UP_S,
      good: pool.paths,
      cycle: isHostile,
    };
    loadMs = performance.now();
    const report = await bench.generator.ask(order);
    perSecond = report.good.latencyMs.count / report.seconds;
  }
  const sinceLoadMs = performance.now() - loadMs;
  const now = machineTicks();
  const [file = ''] = await readdir(dir);
  if (values.keep !== undefined) await copyFile(join(dir, file), values.keep);
  const profile = JSON.parse(await readFile(join(dir, file), 'utf8')) as CpuProfile;
  const stealPercent = Math.round((1000 * (now.steal - before.steal)) / (now.total - before.total)) / 10;
  return { profile, perSecond, stealPercent, sinceLoadMs };
}
