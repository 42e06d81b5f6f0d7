import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which processors the processes of a run may use; a process keeps its place until it is given another. */
export interface Placement {
  /** Gives `measured` the first processor to themselves, as on a machine with enough of them; `others` share the rest. */
  keepApart: (measured: readonly number[], others: readonly number[]) => void;
  /** Lets processes go wherever the scheduler puts them. */
  shareAll: (pids: readonly number[]) => void;
}

/** Makes the placement of one benchmark; `isShared` leaves all to the scheduler, as does a machine of one processor. */
export function createPlacement(isShared: boolean): Placement {
  const last = availableParallelism() - 1;
  if (isShared || last < 1) return { keepApart: () => undefined, shareAll: () => undefined };
  const confineAll = (pids: readonly number[], processors: string): void => {
    for (const pid of pids) confine(pid, processors);
  };
  return {
    keepApart: (measured, others) => {
      confineAll(measured, '0');
      confineAll(others, `1-${last}`);
    },
    shareAll: (pids) => confineAll(pids, `0-${last}`),
  };
}

/** All threads of a process; those that they start later inherit it. `taskset` is part of util-linux. */
function confine(pid: number, processors: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)], { stdio: 'pipe' });
}
