import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Processors by process, until changed. */
export interface Placement {
  /**
   * Gives the main threads of `measured` the first processor to themselves, as on a larger machine; `others` share the
   * rest. V8's garbage and compiler threads may run anywhere, or they would stop the main thread.
   */
  keepApart: (measured: readonly number[], others: readonly number[]) => void;
  /** Leaves processes to the scheduler. */
  shareAll: (pids: readonly number[]) => void;
}

/** `isShared`, or a single processor, leaves all to the scheduler. */
export function createPlacement(isShared: boolean): Placement {
  const last = availableParallelism() - 1;
  if (isShared || last < 1) return { keepApart: () => undefined, shareAll: () => undefined };
  return {
    keepApart: (measured, others) => {
      for (const pid of measured) confine(pid, '0', []);
      for (const pid of others) confine(pid, `1-${last}`, ['--all-tasks']);
    },
    shareAll: (pids) => {
      for (const pid of pids) confine(pid, `0-${last}`, ['--all-tasks']);
    },
  };
}

/** Confines a process' main thread, or all its threads; new threads inherit it. `taskset` is part of util-linux. */
function confine(pid: number, processors: string, which: readonly '--all-tasks'[]): void {
  execFileSync('taskset', [...which, '--cpu-list', '--pid', processors, String(pid)], { stdio: 'pipe' });
}
