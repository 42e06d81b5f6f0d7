import { type Refusal, refuse } from '../model.ts';

/** The `Retry-After` of refusals, from this process's own load. */
export interface Load {
  answered: () => void;
  refused: () => void;
  /** Seconds of work that the refused requests amount to, 1 to 30. */
  retryAfter: () => number;
}

const MAX_RETRY_AFTER = 30;

/** Refused ÷ answered in one second is the backlog in seconds. */
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

export function overloaded(load: Load): Refusal {
  load.refused();
  return refuse('overloaded', { headers: { 'retry-after': String(load.retryAfter()) } });
}
