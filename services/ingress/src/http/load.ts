import { type Refusal, refuse } from '../model.ts';

/** Turns what ingress sees of its own load into the seconds a refused sender is asked to wait. */
export interface Load {
  answered: () => void;
  refused: () => void;
  /** For a request refused because too much is in flight: how many seconds of work the refused ones are, 1 to 30. */
  retryAfter: () => number;
}

const MAX_RETRY_AFTER = 30;

/** Counts answers and refusals by the second. Refused ÷ answered in one second is the backlog, in seconds of work. */
export function createLoad(nowMs: () => number = performance.now.bind(performance)): Load {
  let second = 0;
  let answered = 0;
  let refused = 0;
  let ratio = 0;
  const turn = (): void => {
    const current = Math.floor(nowMs() / 1000);
    if (current === second) return;
    ratio = current === second + 1 ? refused / Math.max(answered, 1) : 0;
    second = current;
    answered = 0;
    refused = 0;
  };
  return {
    answered: () => {
      turn();
      answered++;
    },
    refused: () => {
      turn();
      refused++;
    },
    retryAfter: () => {
      turn();
      return Math.min(MAX_RETRY_AFTER, 1 + Math.ceil(Math.max(ratio, refused / Math.max(answered, 1))));
    },
  };
}

/** Refuses a request that there is no room for, and says when there may be. */
export function overloaded(load: Load): Refusal {
  load.refused();
  return refuse('overloaded', { headers: { 'retry-after': String(load.retryAfter()) } });
}
