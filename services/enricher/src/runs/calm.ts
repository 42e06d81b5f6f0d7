/**
 * Whether the table of runs has been written without trouble for a while. Only then may a run be taken over whose lease has ended:
 * after an outage, or a lock that held every worker back, its worker may well live, and gets the time to renew its lease first.
 */
export interface Calm {
  isCalm: () => boolean;
  /** Says that there is trouble, or that it ends at this moment. */
  trouble: () => void;
  /** Runs a statement on the table, and notes if it fails or is slow. */
  watch: <T>(statement: () => Promise<T>) => Promise<T>;
}

const SLOW_MS = 1_000;

/** Starts a calm period now, and again `afterMs` after each trouble. */
export function createCalm(afterMs: number): Calm {
  let troubledAtMs = performance.now();
  const trouble = (): void => {
    troubledAtMs = performance.now();
  };
  return {
    trouble,
    isCalm: () => performance.now() - troubledAtMs > afterMs,
    watch: async (statement) => {
      const begunAtMs = performance.now();
      try {
        const result = await statement();
        if (performance.now() - begunAtMs > SLOW_MS) trouble();
        return result;
      } catch (error) {
        trouble();
        throw error;
      }
    },
  };
}
