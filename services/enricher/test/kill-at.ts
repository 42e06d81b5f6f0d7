// Preloaded by a test (`--import`): SIGUSR2 and a line in KILL_AT_FILE arm it, `<point> <how often it is passed before>`.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { FAULT_POINTS } from '../src/fault-points.ts';

let armed: { point: string; left: number } | undefined;

const read = (): void => {
  const [point = '', left = ''] = readFileSync(String(process.env.KILL_AT_FILE), 'utf8').trim().split(' ');
  armed = { point, left: Number(left) };
  process.stdout.write(`armed ${point}\n`);
};
process.on('SIGUSR2', read);

for (const point of FAULT_POINTS)
  subscribe(`pressferry:${point}`, () => {
    if (armed?.point !== point) return;
    if (armed.left > 0) armed.left--;
    else process.kill(process.pid, 'SIGKILL');
  });
