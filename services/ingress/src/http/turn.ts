export interface Turn {
  /** Runs `work`, which must not throw, once all ready sockets have been read. */
  atEnd: (work: () => void) => void;
}

/**
 * Sends answers together at the end of the event loop's turn: a write between two reads wakes the reader each time,
 * which is most of a refusal's cost.
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
