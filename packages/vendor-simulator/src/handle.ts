import type { ServerResponse } from 'node:http';
import type { Behaviour, BehaviourQueues } from './behaviours.ts';
import type { Answer, Call, Endpoint, VendorEndpoint } from './endpoints.ts';
import type { CallOutcome } from './ledger.ts';
import type { Replays } from './replays.ts';
import { cutConnection, waitUnlessAbandoned, writeAnswer, writeHalf } from './write.ts';

export interface SimulatorState {
  queues: BehaviourQueues;
  replays: Replays;
}

export interface Handled {
  outcome: CallOutcome;
  status: number | null;
  effect: boolean;
}

/** `noted` is called before the first byte is written, so the ledger is current after an answer. */
export interface Handling {
  name: Endpoint;
  endpoint: VendorEndpoint;
  call: Call;
  idempotencyKey: string | null;
  response: ServerResponse;
  noted: (handled: Handled) => void;
}

/** The vendor's answer, distorted by its endpoint's next behaviour. */
export async function handleCall(state: SimulatorState, handling: Handling): Promise<void> {
  const { endpoint, name, call, response, noted } = handling;
  const behaviour = state.queues.take(name);
  if (behaviour?.latencyMs && !(await waitUnlessAbandoned(response, behaviour.latencyMs))) {
    return noted({ outcome: 'abandoned', status: null, effect: false });
  }
  const unauthorized = endpoint.unauthorized?.(call);
  if (unauthorized !== undefined) {
    noted({ outcome: 'unauthorized', status: unauthorized.status, effect: false });
    return writeAnswer(response, unauthorized);
  }
  if (behaviour && isFault(behaviour)) return strike(state, handling, behaviour);
  const { answer, handled } = work(state, { ...handling, call: { ...call, says: behaviour?.says } });
  noted(handled);
  return writeAnswer(response, answer);
}

/** At most once per key if idempotency keys are honoured. */
function work({ queues, replays }: SimulatorState, handling: Handling): { answer: Answer; handled: Handled } {
  const { name, endpoint, call, idempotencyKey } = handling;
  const storedUnder = queues.idempotent && idempotencyKey !== null ? `${name} ${idempotencyKey}` : undefined;
  const body = JSON.stringify(call.body ?? null);
  const known = storedUnder ? replays.find(storedUnder, body) : { kind: 'new' as const };
  if (known.kind === 'replay') {
    const answer = { ...known.answer, headers: { ...known.answer.headers, 'idempotent-replayed': 'true' } };
    return { answer, handled: { outcome: 'replayed', status: answer.status, effect: false } };
  }
  if (known.kind === 'conflict') {
    const answer = endpoint.error(409, { message: 'This Idempotency-Key was used before with another body.' });
    return { answer, handled: { outcome: 'refused', status: 409, effect: false } };
  }
  const answer = endpoint.answer(call);
  if (storedUnder && answer.effect) replays.store(storedUnder, body, answer);
  const outcome = answer.status < 400 ? 'answered' : 'refused';
  return { answer, handled: { outcome, status: answer.status, effect: answer.effect } };
}

async function strike(state: SimulatorState, handling: Handling, behaviour: Behaviour): Promise<void> {
  const { response, noted } = handling;
  if (behaviour.cut === 'mid-body' || behaviour.malformed) {
    const { answer, handled } = work(state, handling);
    noted({ ...handled, outcome: behaviour.malformed ? 'malformed' : 'cut_mid_body' });
    return behaviour.malformed ? writeAnswer(response, endsTooEarly(answer)) : writeHalf(response, answer);
  }
  // No answer gets out, so only the behaviour knows whether the work was done.
  const effect = behaviour.effect === true && work(state, handling).handled.effect;
  if (behaviour.hang) return noted({ outcome: 'hung', status: null, effect });
  if (behaviour.cut) {
    noted({ outcome: 'cut_before_headers', status: null, effect });
    return cutConnection(response);
  }
  const answer = handling.endpoint.error(behaviour.status ?? 500, { code: behaviour.code });
  noted({ outcome: 'failed', status: answer.status, effect });
  return writeAnswer(response, withRetryAfter(answer, behaviour.retryAfter));
}

function endsTooEarly(answer: Answer): Answer {
  const body = answer.chunks.join('');
  return { ...answer, chunks: [body.slice(0, Math.floor(body.length / 2))] };
}

function withRetryAfter(answer: Answer, retryAfter: Behaviour['retryAfter']): Answer {
  return retryAfter === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
}

function isFault({ status, hang, cut, malformed }: Behaviour): boolean {
  return status !== undefined || hang === true || cut !== undefined || malformed === true;
}
