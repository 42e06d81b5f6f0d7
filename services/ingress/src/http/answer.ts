import { PROBLEM_CONTENT_TYPE, PROBLEMS, problem } from '@pressferry/contracts';
import { errorFields, isTracing, type Logger } from '@pressferry/runtime';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Answer, isRefusal, type OutcomeWord, outcomeOf, type Refusal, type Success } from '../model.ts';
import { discardRest } from './body.ts';
import type { Capacity } from './capacity.ts';
import type { Load } from './overload.ts';
import { createRequestLog } from './request-log.ts';
import type { Tarpit } from './tarpit.ts';
import { createTurn } from './turn.ts';

export interface AnswerDeps {
  capacity: Capacity;
  tarpit: Tarpit;
  load: Load;
  /** `registeredSiteId` if the request claims to come from a registered site. */
  metrics: { handled: (outcome: OutcomeWord, seconds: number, registeredSiteId?: string) => void };
  logger: Logger;
}

/**
 * Ends a request with its answer, metric and log line; `atOnce` skips the delay of refusals. A second answer is
 * ignored.
 */
export type SendAnswer = (result: Answer, atOnce?: boolean) => void;

declare module 'fastify' {
  interface FastifyReply {
    answer: SendAnswer;
  }
}

/** Adds `reply.answer`, through which every answer leaves. */
export function addAnswers(app: FastifyInstance, deps: AnswerDeps): void {
  const { capacity, tarpit, load, metrics, logger } = deps;
  const logRequest = createRequestLog(logger);
  // A log line takes its trace from the current context, so with tracing each answer leaves on its own.
  const turn = isTracing() ? { atEnd: (work: () => void) => work() } : createTurn();
  const finish = (reply: FastifyReply, result: Answer, durationMs: number): void => {
    const { facts, raw } = reply.request;
    let outcome = outcomeOf(result);
    let status = 0;
    try {
      if (result !== null && !reply.raw.destroyed) status = send(reply, result);
    } catch (error) {
      logger.error(errorFields(error), 'answer.failed');
      raw.destroy();
      outcome = 'internal_error';
    }
    if (outcome !== 'overloaded') load.answered();
    metrics.handled(outcome, durationMs / 1000, facts.claimedSiteId);
    logRequest(facts, outcome, status, durationMs);
  };

  app.decorateReply('answer', function (this: FastifyReply, result: Answer, atOnce = false): void {
    const { request } = this;
    if (request.isAnswered) return;
    request.isAnswered = true;
    capacity.inFlight--;
    const durationMs = performance.now() - request.begunMs;
    const isUnproven = request.facts.siteId === undefined && result !== null && isRefusal(result);
    const leave = (): void => turn.atEnd(() => finish(this, result, durationMs));
    if (isUnproven && PROBLEMS[result.refused][0] < 500 && !atOnce) tarpit.hold(request.raw.socket, leave);
    else leave();
  });
}

/** Two years, for this host only: subdomains are not ours to decide. */
export const HSTS = 'max-age=63072000';

function send(reply: FastifyReply, result: Success | Refusal): number {
  const { status, json, headers } = isRefusal(result) ? problemOf(result) : result;
  reply
    .code(status)
    .headers({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
      ...(reply.request.facts.client.secure ? { 'strict-transport-security': HSTS } : {}),
    })
    // Fastify would add a charset, which JSON does not have; its own serialiser leaves the text as it is.
    .serializer(String)
    .send(json);
  if (isRefusal(result)) discardRest(reply.request.raw);
  return status;
}

function problemOf({ refused, detail, errors, headers }: Refusal): Omit<Success, 'outcome'> {
  const [status] = PROBLEMS[refused];
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return {
    status,
    json: JSON.stringify(problem(refused, detail, errors)),
    headers: { 'content-type': PROBLEM_CONTENT_TYPE, ...challenge, ...headers },
  };
}
