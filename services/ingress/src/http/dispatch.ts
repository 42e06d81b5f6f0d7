import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEMS } from '@pressferry/contracts';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Metrics } from '../metrics.ts';
import { discardRest } from './body.ts';
import { type Capacity, isOverloaded } from './capacity.ts';
import type { Client, FindClient } from './client.ts';
import type { Answer, Exchange, OutcomeWord, Reply } from './exchange.ts';
import type { Load } from './load.ts';
import { isRefusal, type Refusal, refuse } from './refusal.ts';
import type { LogRequest } from './request-log.ts';
import { send, sendRefusal } from './respond.ts';
import type { Tarpit } from './tarpit.ts';
import { createTurnsEnd } from './turns-end.ts';

/** Answers one kind of request. */
export type Route = (exchange: Exchange) => Answer | Promise<Answer>;

/** Finds the route of a request, or why there is none. */
export type FindRoute = (method: string, path: string) => Route | Refusal;

export interface DispatchDeps {
  findRoute: FindRoute;
  findClient: FindClient;
  /** What is asked of every client before its request is looked at: TLS, allow-list, rate. */
  checkClient: (client: Client) => Refusal | null | Promise<Refusal | null>;
  capacity: Capacity;
  /** The refusal of a request that there is no room for. */
  overloaded: () => Refusal;
  /** True for a connection beyond the allowed ones. */
  isCrowded: (socket: Socket) => boolean;
  tarpit: Tarpit;
  load: Load;
  metrics: Pick<Metrics, 'handled'>;
  logRequest: LogRequest;
  logger: Logger;
}

/** Takes each request through client checks and its route to its answer, and tells of it in one line and one count. */
export function createDispatch(deps: DispatchDeps): RequestListener {
  const { capacity } = deps;
  const atTurnsEnd = createTurnsEnd();
  // At the end of the turn, unless it is a refusal and nobody has proved to be the sender: then later.
  const conclude = (exchange: Exchange, result: Answer, durationMs: number): void => {
    const answer = (): void => atTurnsEnd(() => respond(exchange, result, durationMs, deps));
    const isUnproven = exchange.siteId === undefined && result !== null && isRefusal(result);
    if (isUnproven && PROBLEMS[result.refused][0] < 500) deps.tarpit.hold(exchange.request.socket, answer);
    else answer();
  };

  const route = (exchange: Exchange): Answer | Promise<Answer> => {
    const found = deps.findRoute(exchange.request.method ?? '', exchange.path);
    return isRefusal(found) ? found : found(exchange);
  };

  // No async function: what is known at once, as nearly all of it is, need not wait its turn.
  const answer = (exchange: Exchange): Answer | Promise<Answer> => {
    const { socket } = exchange.request;
    if (deps.tarpit.holds(socket)) {
      // Whoever goes on without waiting for the answer to a forgery would not be slowed down at all.
      socket.destroy();
      return null;
    }
    const isCrowded = deps.isCrowded(socket);
    if (isCrowded) exchange.response.shouldKeepAlive = false;
    if (isCrowded || isOverloaded(capacity)) return deps.overloaded();
    const refusal = deps.checkClient(exchange.client);
    if (refusal instanceof Promise) return refusal.then((late) => late ?? route(exchange));
    return refusal ?? route(exchange);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const begunMs = performance.now();
    capacity.inFlight++;
    try {
      const client = deps.findClient(request);
      const exchange = { request, response, path: pathOf(request), client: client ?? NOBODY };
      const result =
        client === null ? refuse('header_malformed', { detail: 'X-Forwarded-For' }) : await answer(exchange);
      conclude(exchange, result, performance.now() - begunMs);
    } catch (error) {
      deps.logger.error(errorFields(error), 'request.failed');
      const exchange = { request, response, path: '', client: NOBODY };
      conclude(exchange, refuse('internal_error'), performance.now() - begunMs);
    } finally {
      capacity.inFlight--;
    }
  };
  return (request, response) => void handle(request, response);
}

const pathOf = ({ url = '/' }: IncomingMessage): string => {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
};

/** Stands in where no client could be made out; its request goes no further than the refusal. */
const NOBODY = { limitKey: '', secure: false } as Client;

/** How a request ended before its body did: its client went away, or the server has told it why it is cut off. */
function cutOff({ headersSent, statusCode }: ServerResponse): OutcomeWord {
  if (!headersSent) return 'aborted';
  return statusCode === PROBLEMS.request_timeout[0] ? 'request_timeout' : 'request_malformed';
}

/** Writes the answer, the count and the line of a request; `durationMs` is what working on it took. Must not throw. */
function respond(exchange: Exchange, result: Answer, durationMs: number, deps: DispatchDeps): void {
  const { response } = exchange;
  let outcome: OutcomeWord = result === null ? cutOff(response) : isRefusal(result) ? result.refused : result.outcome;
  let status = response.headersSent ? response.statusCode : 0;
  try {
    if (result !== null && !response.headersSent && !response.destroyed) status = write(exchange, result);
  } catch (error) {
    deps.logger.error(errorFields(error), 'answer.failed');
    response.destroy();
    outcome = 'internal_error';
  }
  if (outcome !== 'overloaded') deps.load.answered();
  deps.metrics.handled(outcome, durationMs / 1000, exchange.claimedSiteId);
  deps.logRequest(exchange, outcome, status, durationMs);
}

/** Sends an answer; returns its status. */
function write({ request, response, client }: Exchange, result: Reply | Refusal): number {
  if (!isRefusal(result)) {
    send(response, result.status, result.json, client.secure, result.headers);
    return result.status;
  }
  sendRefusal(response, result, client.secure);
  discardRest(request);
  return PROBLEMS[result.refused][0];
}
