import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which processors the processes of a run may use; a process keeps its place until it is given another. */
export interface Placement {
  /**
   * Gives the main threads of `measured` the first processor to themselves, as on a machine with enough of them; `others` share the
   * rest. Threads that V8 has started collect garbage and compile wherever there is room, or they would stop the main thread.
   */
  keepApart: (measured: readonly number[], others: readonly number[]) => void;
  /** Lets processes go wherever the scheduler puts them. */
  shareAll: (pids: readonly number[]) => void;
}

/** Makes the placement of one benchmark; `isShared` leaves all to the scheduler, as does a machine of one processor. */
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

/** Confines a process' main thread, or all that it has; threads inherit it from who starts them. `taskset` is part of util-linux. */
function confine(pid: number, processors: string, which: readonly '--all-tasks'[]): void {
  execFileSync('taskset', [...which, '--cpu-list', '--pid', processors, String(pid)], { stdio: 'pipe' });
}
