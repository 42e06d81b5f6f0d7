import { type Fault, PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import type ipaddr from 'ipaddr.js';

/** Why a request is not accepted; `headers` go on the answer. */
export interface Refusal {
  refused: ProblemCode;
  detail?: string;
  errors?: Fault[];
  headers?: Record<string, string>;
}

/** A refusal with nothing to add to its code. */
export const refuse = (refused: ProblemCode, more: Omit<Refusal, 'refused'> = {}): Refusal => ({ refused, ...more });

/** Refuses by what a site or a token was found to be; what this replica cannot judge may be sent again soon. */
export const refuseSender = (code: ProblemCode): Refusal =>
  refuse(code, code === 'registry_unavailable' ? { headers: { 'retry-after': '2' } } : {});

export const isRefusal = (value: object): value is Refusal => 'refused' in value;

/** An answer that is not a refusal. */
export interface Success {
  outcome: 'accepted' | 'duplicate' | 'answered';
  status: number;
  json: string;
  headers?: Readonly<Record<string, string>>;
}

/** What a request came to; null if its client went away before there was an answer. */
export type Answer = Success | Refusal | null;

/** The word for an answer in logs and metrics. */
export type OutcomeWord = Success['outcome'] | ProblemCode | 'aborted';

/** Every such word. */
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
  /** What the limit per address counts by. */
  limitKey: string;
  /** True if the client's own connection was TLS: ours, or a trusted proxy's. */
  secure: boolean;
}

/** What is learnt of a request, for the one line that reports it. Nothing here but the client may be personal, and nothing secret. */
export interface RequestFacts {
  client: Client;
  /** Set once the request's signature was verified: before that, a site is only a claim. */
  siteId?: string;
  /** The site that the request claims, if it is a registered one. */
  claimedSiteId?: string;
  /** The sender's key of a verified event. */
  idempotencyKey?: string;
  requestId?: string;
  eventType?: string;
  bodyBytes?: number;
  traceparent?: string;
}
