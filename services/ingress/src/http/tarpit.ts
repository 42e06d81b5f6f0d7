export interface Tarpit {
  /** Answers after the pause, ±50 %; at once without a pause or if too many are delayed. */
  hold: (connection: object, answer: () => void) => void;
  /** True while a refusal is delayed on this connection. */
  holds: (connection: object) => boolean;
  held: () => number;
}

/** A delayed request costs some 10 kB and no CPU. */
const MAX_HELD = 1_024;

/**
 * A sender that is not proven to be a site waits for its refusal. A flood spends its connections on waiting, and the
 * CPU stays with proven senders; an honest, misconfigured one hardly notices.
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
      // Jitter, or requests that came together would keep coming together.
      setTimeout(release, pauseMs * (0.5 + random()));
    },
  };
}
