import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  bodySignature,
  PROBLEMS,
  type ProblemCode,
  type ResultBody,
  reactionTo,
  secretKey,
} from '@pressferry/contracts';
import { SignJWT } from 'jose';
import type { Sender } from './credentials.ts';

/** Without `sent_at`. */
export interface OutgoingEvent {
  event_type: string;
  object_ref: string;
  idempotency_key: string;
  /** RFC 3339, UTC; equal in each try. */
  occurred_at: string;
  data: unknown;
}

export interface Accepted {
  kind: 'accepted';
  requestId: string;
  duplicate: boolean;
  tookMs: number;
}

/** A refusal by the service or on the way to it. `status` is 0 if nothing answered. */
export interface Refused {
  kind: 'refused';
  status: number;
  code: string;
  why: string;
  isPassing: boolean;
}

const REQUEST_MS = 15_000;
const PAUSE_MS = 500;

/** Signs again for each try, and retries passing refusals until `deadline` (ms since 1970). */
export async function sendEvent(
  sender: Sender,
  event: OutgoingEvent,
  { url, deadline }: { url: string; deadline: number },
): Promise<Accepted | Refused> {
  return repeated(deadline, async () => {
    const body = JSON.stringify({ ...event, sent_at: new Date().toISOString() });
    const begunMs = performance.now();
    const answer = await ask(`${url}/ingest`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${await tokenOf(sender)}`,
        'x-signature': bodySignature(secretKey(sender.secret), body),
        'x-idempotency-key': event.idempotency_key,
      },
      body,
    });
    if (answer.kind === 'refused') return answer;
    const { request_id: requestId, duplicate } = answer.json as { request_id?: string; duplicate?: boolean };
    if (answer.status !== 202 || requestId === undefined)
      return notOurs(answer.status, 'the answer is not a 202 of ingress: something else answers there');
    return { kind: 'accepted', requestId, duplicate: duplicate === true, tookMs: performance.now() - begunMs };
  });
}

/** Polls until there is a result or `deadline` has passed. */
export async function awaitResults(
  sender: Sender,
  requestId: string,
  { url, deadline }: { url: string; deadline: number },
): Promise<{ kind: 'results'; results: ResultBody[] } | Refused> {
  return repeated(deadline, async () => {
    const headers = { authorization: `Bearer ${await tokenOf(sender)}` };
    const answer = await ask(`${url}/results/${requestId}`, { headers });
    if (answer.kind === 'refused') return answer.code === 'result_unknown' ? { ...answer, isPassing: true } : answer;
    const { results } = answer.json as { results?: ResultBody[] };
    return Array.isArray(results)
      ? { kind: 'results', results }
      : notOurs(answer.status, 'the answer holds no results');
  });
}

/** Valid for two minutes, for one request. */
const tokenOf = ({ siteId, issuer, audience, kid, algorithm, key }: Sender): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
    .setIssuer(issuer)
    .setSubject(siteId)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('120s')
    .setJti(randomUUID())
    .sign(key);

async function repeated<T extends { kind: string }>(deadline: number, attempt: () => Promise<T | Refused>) {
  for (;;) {
    const answer = await attempt();
    const isPassing = answer.kind === 'refused' && (answer as Refused).isPassing;
    if (!isPassing || Date.now() + PAUSE_MS >= deadline) return answer;
    await delay(PAUSE_MS);
  }
}

async function ask(url: string, init: RequestInit) {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(REQUEST_MS) });
    text = await response.text();
  } catch (error) {
    const { cause, message } = error as Error;
    const why = `${url} does not answer: ${cause instanceof Error ? cause.message || cause.name : message}`;
    return { kind: 'refused' as const, status: 0, code: 'unreachable', why, isPassing: true };
  }
  const { status } = response;
  const json = parsed(text);
  if (response.ok && json !== undefined) return { kind: 'answered' as const, status, json };
  const { code, title, detail } = (json ?? {}) as { code?: string; title?: string; detail?: string };
  if (code === undefined || !(code in PROBLEMS))
    return notOurs(status, 'the answer is not of Pressferry: a proxy, a firewall or another server answers there');
  const isPassing = reactionTo(code as ProblemCode, status) === 'repeat';
  return { kind: 'refused' as const, status, code, why: detail ?? title ?? '', isPassing };
}

const notOurs = (status: number, why: string): Refused => ({
  kind: 'refused',
  status,
  code: 'unexpected_answer',
  why,
  isPassing: status >= 500 || status === 429,
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
