// What the profiles that `main.ts --profile DIR` wrote say: self time by part, for each service, over the whole run but its first seconds.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { positive } from '../ingress/options.ts';
import { table } from '../ingress/report/print.ts';
import { type CpuProfile, selfTimes } from '../ingress/report/profile.ts';

const USAGE = `usage: node bench/pipeline/profile.ts DIR [options]
  --top N             parts printed (12)
  --skip-seconds N    left out at the beginning (8)`;
const { dir, top, skipMs } = readCommandLine(USAGE, (args) => {
  const { values, positionals } = parseArgs({
    args,
    options: { top: { type: 'string', default: '12' }, 'skip-seconds': { type: 'string', default: '8' } },
    allowPositionals: true,
  });
  const [dir] = positionals;
  if (dir === undefined) throw new Error('name the folder of the profiles');
  /** The start, and what the compiler does at first. */
  const skipMs = 1000 * positive(values['skip-seconds'], '--skip-seconds');
  return { dir, top: positive(values.top, '--top'), skipMs };
});

for (const service of readdirSync(dir)) {
  for (const file of readdirSync(join(dir, service))) {
    const profile = JSON.parse(readFileSync(join(dir, service, file), 'utf8')) as CpuProfile;
    const wholeMs = (profile.endTime - profile.startTime) / 1000;
    const span = { fromMs: Math.max(0, wholeMs - skipMs), forMs: wholeMs };
    const { groups, rows, busyMs } = selfTimes(profile, span);
    const line = ({ name, ms }: (typeof rows)[number]): string[] => [
      name.slice(0, 90),
      ((100 * ms) / busyMs).toFixed(1),
    ];
    console.log(`\n${service}: busy ${Math.round(busyMs)} ms of ${Math.round(span.fromMs)}`);
    console.log(table(['by part', '%'], groups.slice(0, top).map(line)));
    console.log(`\n${table(['by function', '%'], rows.slice(0, top).map(line))}`);
  }
}
