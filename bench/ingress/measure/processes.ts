import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts process time in ticks of 10 ms on every architecture that Node runs on. */
const MS_PER_TICK = 10;

/** User and system, all threads, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in brackets and may hold anything; utime and stime are the 12th and 13th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** How long the live threads of a process have waited for a processor, in ms. */
export function waitedMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let ns = 0;
  for (const task of readdirSync(tasks)) {
    // A thread may end meanwhile. Fields: run, waited, turns.
    try {
      ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[1]);
    } catch {}
  }
  return ns / 1e6;
}

/** In MB (10^6 bytes). */
export function memoryMb(pid: number): { rss: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  const toMb = (kib: number): number => Math.round((kib * 1024) / 1e5) / 10;
  return { rss: toMb(field('VmRSS')), peak: toMb(field('VmHWM')) };
}

/** Since boot. */
export interface MachineTicks {
  total: number;
  idle: number;
  steal: number;
}

export function machineTicks(): MachineTicks {
  const ticks = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { total, idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), steal: ticks[7] ?? 0 };
}

/** CPU time of named processes, and how much of the machine was stolen or idle. */
export interface Usage {
  seconds: number;
  cpuMs: Record<string, number>;
  stealPercent: number;
  idlePercent: number;
}

/** The returned function ends it. Names may mean several processes. */
export function startUsage(pids: Readonly<Record<string, readonly number[]>>): () => Usage {
  const sum = (list: readonly number[]): number => list.reduce((total, pid) => total + cpuMs(pid), 0);
  const names = Object.keys(pids);
  const before = names.map((name) => sum(pids[name] ?? []));
  const ticks = machineTicks();
  const startMs = performance.now();
  return () => {
    const seconds = (performance.now() - startMs) / 1000;
    const now = machineTicks();
    const share = (part: 'steal' | 'idle'): number =>
      Math.round((1000 * (now[part] - ticks[part])) / Math.max(1, now.total - ticks.total)) / 10;
    return {
      seconds,
      cpuMs: Object.fromEntries(names.map((name, at) => [name, sum(pids[name] ?? []) - (before[at] ?? 0)])),
      stealPercent: share('steal'),
      idlePercent: share('idle'),
    };
  };
}
