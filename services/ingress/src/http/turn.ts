/** One turn of the event loop. */
export interface Turn {
  /** Runs `work` once all sockets that are ready have been read. */
  atEnd: (work: () => void) => void;
}

/**
 * Has answers leave together at the end of the turn in which they were found. A write between two reads wakes its reader each time, and
 * that is what a refusal costs most; writes in a row wake it once. `work` must not throw.
 */
export function createTurn(): Turn {
  let waiting: (() => void)[] = [];
  const end = (): void => {
    const all = waiting;
    waiting = [];
    for (const work of all) work();
  };
  return {
    atEnd: (work) => {
      if (waiting.push(work) === 1) setImmediate(end);
    },
  };
}
