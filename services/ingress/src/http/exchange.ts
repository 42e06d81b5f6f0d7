import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import type { Client } from './client.ts';
import type { Refusal } from './refusal.ts';

/** An answer that is no refusal. */
export interface Reply {
  outcome: 'accepted' | 'duplicate' | 'answered';
  status: number;
  json: string;
  headers?: Readonly<Record<string, string>>;
}

/** What a request came to; null where its client went away before there was an answer. */
export type Answer = Reply | Refusal | null;

/** The word for an answer in logs and metrics. */
export type OutcomeWord = Reply['outcome'] | ProblemCode | 'aborted';

/** Every such word. */
export const OUTCOME_WORDS: readonly OutcomeWord[] = [
  ...(['accepted', 'duplicate', 'answered', 'aborted'] as const),
  ...(Object.keys(PROBLEMS) as ProblemCode[]),
];

/** One request in hand, and what is learnt of it for the one line that tells of it. Nothing here may be personal or secret. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  client: Client;
  /** Set once the request's signature was verified: before that, a site is only a claim. */
  siteId?: string;
  /** The site that the request claims, where it is a registered one. */
  claimedSiteId?: string;
  /** The key of an event whose body was verified: a UUID. */
  idempotencyKey?: string;
  requestId?: string;
  eventType?: string;
  bodyBytes?: number;
  traceparent?: string;
}

/** Tells a client that sent `Expect: 100-continue` to send its body. */
export function proceed({ request, response }: Exchange): void {
  if (request.headers.expect !== undefined) response.writeContinue();
}
