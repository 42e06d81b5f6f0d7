/** Keeps refusals back for a moment. */
export interface Tarpit {
  /** Answers after the pause, give or take half of it; at once if there is none, or if too many are held back already. */
  hold: (connection: object, answer: () => void) => void;
  /** True for a connection on which a refusal is held back. */
  holds: (connection: object) => boolean;
  /** How many are held back. */
  held: () => number;
}

/** A held request costs some 10 kB and no time. */
const MAX_HELD = 1_024;

/**
 * A sender that is not proved to be a site waits for the refusal: one that fires as fast as it is answered spends its connections on
 * waiting, and the processor stays with those that are believed. An honest one that is misconfigured hardly notices.
 */
export function createTarpit(pauseMs: number, random: () => number = Math.random): Tarpit {
  let held = 0;
  const heldOf = new WeakMap<object, number>();
  const count = (connection: object, change: 1 | -1): void => {
    heldOf.set(connection, (heldOf.get(connection) ?? 0) + change);
    held += change;
  };
  return {
    held: () => held,
    holds: (connection) => held > 0 && (heldOf.get(connection) ?? 0) > 0,
    hold: (connection, answer) => {
      if (pauseMs === 0 || held >= MAX_HELD) return answer();
      count(connection, 1);
      const release = (): void => {
        count(connection, -1);
        answer();
      };
      // Spread out, or those that came together would go on coming together.
      setTimeout(release, pauseMs * (0.5 + random()));
    },
  };
}
