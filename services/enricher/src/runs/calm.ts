/**
 * True after a while without failed or slow writes of runs. Only then may a run with an ended lease be taken over:
 * after an outage, or a lock that blocked all workers, its worker may live and gets time to renew first.
 */
export interface Calm {
  isCalm: () => boolean;
  /** There is trouble, or it ends now. */
  trouble: () => void;
  /** Notes if the statement fails or is slow. */
  watch: <T>(statement: () => Promise<T>) => Promise<T>;
}

const SLOW_MS = 1_000;

/** Calm begins `afterMs` after the start and after each trouble. */
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
