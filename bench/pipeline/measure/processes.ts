import { readFileSync } from 'node:fs';
import { childrenOf, statFields } from '@pressferry/testing/journey';
import { machineTicks } from '../../ingress/measure/processes.ts';
import { round } from '../../ingress/measure/statistics.ts';

const MS_PER_TICK = 10;

/** CPU time so far of a process, of its live children, and of the children that it has seen end, in ms. */
function treeCpuMs(pid: number): number {
  const own = statFields(pid);
  if (own === undefined) return 0;
  const sum = (fields: string[], indices: readonly number[]): number =>
    indices.reduce((total, index) => total + Number(fields[index]), 0);
  // utime, stime, cutime, cstime.
  const ticks = sum(own, [11, 12, 13, 14]);
  const children = childrenOf(pid).map((child) => sum(statFields(child) ?? [], [11, 12]));
  return (ticks + children.reduce((total, value) => total + (Number.isFinite(value) ? value : 0), 0)) * MS_PER_TICK;
}

/** The memory of a process and its children in MB, what they share counted once (PSS). */
export function treeMemoryMb(pid: number): number {
  return round(
    [pid, ...childrenOf(pid)].reduce((total, each) => total + pssMb(each), 0),
    1,
  );
}

function pssMb(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return (Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024) / 1e6;
  } catch {
    return 0;
  }
}

/** What processes and machine did over a span. */
export interface Usage {
  seconds: number;
  cpuMs: Record<string, number>;
  stealPercent: number;
  idlePercent: number;
  /** Of the machine's time: processes that are none of those measured. */
  othersPercent: number;
}

/** Begins to measure process trees by name; the returned function ends it. */
export function startUsage(pids: Readonly<Record<string, number>>): () => Usage {
  const read = (): Map<string, number> => new Map(Object.entries(pids).map(([name, pid]) => [name, treeCpuMs(pid)]));
  const before = read();
  const ticks = machineTicks();
  const startMs = performance.now();
  return () => {
    const after = read();
    const now = machineTicks();
    const total = Math.max(1, now.total - ticks.total);
    const percent = (part: number): number => round((100 * part) / total, 1);
    const cpuMs = Object.fromEntries([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));
    const ours = Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0) / MS_PER_TICK;
    const [idle, steal] = [now.idle - ticks.idle, now.steal - ticks.steal];
    return {
      seconds: (performance.now() - startMs) / 1000,
      cpuMs,
      stealPercent: percent(steal),
      idlePercent: percent(idle),
      othersPercent: Math.max(0, percent(total - idle - steal - ours)),
    };
  };
}
