/** Keeps refusals back for a moment. */
export interface Tarpit {
  /** Answers after the pause, give or take half of it; at once where there is none, or where too many are kept back already. */
  hold: (answer: () => void) => void;
  /** How many are kept back. */
  held: () => number;
}

/** A held request costs some 10 kB and no time. */
const MAX_HELD = 1_024;

/**
 * Whoever has proved to be no site waits for the refusal: a sender that fires as fast as it is answered spends its connections on
 * waiting, and the processor stays with those that are believed. An honest one that is misconfigured hardly notices.
 */
export function createTarpit(pauseMs: number, random: () => number = Math.random): Tarpit {
  let held = 0;
  return {
    held: () => held,
    hold: (answer) => {
      if (pauseMs === 0 || held >= MAX_HELD) return answer();
      held++;
      const release = (): void => {
        held--;
        answer();
      };
      // Spread out, or those that came together would go on coming together.
      setTimeout(release, pauseMs * (0.5 + random()));
    },
  };
}
