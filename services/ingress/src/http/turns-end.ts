/** Does something at the end of this turn of the event loop, in the order of the calls. `task` must not throw. */
export type AtTurnsEnd = (task: () => void) => void;

/**
 * Gathers the answers of one turn of the event loop, so that they leave one behind the other: the first wakes whoever reads them, which
 * costs as much as a signature check where it sleeps on another processor, and the others find it awake.
 */
export function createTurnsEnd(): AtTurnsEnd {
  let tasks: (() => void)[] = [];
  const run = (): void => {
    const now = tasks;
    tasks = [];
    for (const task of now) task();
  };
  return (task) => {
    if (tasks.push(task) === 1) setImmediate(run);
  };
}
