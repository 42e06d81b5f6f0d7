import { type Fault, PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import type ipaddr from 'ipaddr.js';

/** `headers` go on the answer. */
export interface Refusal {
  refused: ProblemCode;
  detail?: string;
  errors?: Fault[];
  headers?: Record<string, string>;
}

export const refuse = (refused: ProblemCode, more: Omit<Refusal, 'refused'> = {}): Refusal => ({ refused, ...more });

/** What this replica cannot judge may be retried soon. */
export const refuseSender = (code: ProblemCode): Refusal =>
  refuse(code, code === 'registry_unavailable' ? { headers: { 'retry-after': '2' } } : {});

export const isRefusal = (value: object): value is Refusal => 'refused' in value;

export interface Success {
  outcome: 'accepted' | 'duplicate' | 'answered';
  status: number;
  json: string;
  headers?: Readonly<Record<string, string>>;
}

/** Null if the client went away first. */
export type Answer = Success | Refusal | null;

/** The word for an answer in logs and metrics. */
export type OutcomeWord = Success['outcome'] | ProblemCode | 'aborted';

export const OUTCOME_WORDS: readonly OutcomeWord[] = [
  ...(['accepted', 'duplicate', 'answered', 'aborted'] as const),
  ...(Object.keys(PROBLEMS) as ProblemCode[]),
];

export const outcomeOf = (answer: Answer): OutcomeWord => {
  if (answer === null) return 'aborted';
  return isRefusal(answer) ? answer.refused : answer.outcome;
};

/** Who sent a request, as far as the network tells. */
export interface Client {
  address: ipaddr.IPv4 | ipaddr.IPv6;
  limitKey: string;
  /** The client's own connection was TLS: ours, or a trusted proxy's. */
  secure: boolean;
}

/** For the request's log line. Only the client may be personal, and nothing is secret. */
export interface RequestFacts {
  client: Client;
  /** Set once the signature was verified. */
  siteId?: string;
  /** The registered site that the request claims to come from. */
  claimedSiteId?: string;
  idempotencyKey?: string;
  requestId?: string;
  eventType?: string;
  bodyBytes?: number;
  traceparent?: string;
}
