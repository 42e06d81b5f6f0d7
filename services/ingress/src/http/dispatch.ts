import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { PROBLEMS } from '@pressferry/contracts';
import { errorFields, type Logger } from '@pressferry/runtime';
import { isRefusal, type Refusal, refuse } from '../ingest/outcome.ts';
import type { Metrics } from '../metrics.ts';
import { discardRest } from './body.ts';
import type { Client, FindClient } from './client.ts';
import type { Answer, Exchange, OutcomeWord } from './exchange.ts';
import type { Load } from './load.ts';
import { send, sendRefusal } from './respond.ts';

/** Answers one kind of request. */
export type Route = (exchange: Exchange) => Answer | Promise<Answer>;

/** Finds the route of a request, or why there is none. */
export type FindRoute = (method: string, path: string) => Route | Refusal;

export interface DispatchDeps {
  findRoute: FindRoute;
  findClient: FindClient;
  /** What is asked of every client before its request is looked at: TLS, allow-list, rate. */
  checkClient: (client: Client) => Refusal | null | Promise<Refusal | null>;
  maxInFlight: number;
  /** True while there are more connections than allowed. */
  isCrowded: () => boolean;
  load: Load;
  metrics: Pick<Metrics, 'handled'>;
  logger: Logger;
}

export interface Dispatch {
  handle: RequestListener;
  inFlight: () => number;
}

/** Takes each request through client checks and its route to its answer, and tells of it in one line and one count. */
export function createDispatch(deps: DispatchDeps): Dispatch {
  let inFlight = 0;

  const answer = async (exchange: Exchange): Promise<Answer> => {
    if (inFlight > deps.maxInFlight || deps.isCrowded()) return overloaded(exchange, deps);
    const refusal = await deps.checkClient(exchange.client);
    if (refusal !== null) return refusal;
    const route = deps.findRoute(exchange.request.method ?? '', exchange.path);
    return isRefusal(route) ? route : await route(exchange);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const begunMs = performance.now();
    inFlight++;
    try {
      const client = deps.findClient(request);
      const exchange = { request, response, path: pathOf(request), client: client ?? NOBODY };
      const result =
        client === null ? refuse('header_malformed', { detail: 'X-Forwarded-For' }) : await answer(exchange);
      conclude(exchange, result, performance.now() - begunMs, deps);
    } catch (error) {
      deps.logger.error(errorFields(error), 'request.failed');
      const exchange = { request, response, path: '', client: NOBODY };
      conclude(exchange, refuse('internal_error'), performance.now() - begunMs, deps);
    } finally {
      inFlight--;
    }
  };
  return { handle: (request, response) => void handle(request, response), inFlight: () => inFlight };
}

const pathOf = ({ url = '/' }: IncomingMessage): string => {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
};

/** Stands in where no client could be made out; its request goes no further than the refusal. */
const NOBODY = { limitKey: '', secure: false } as Client;

function overloaded({ response }: Exchange, { load, isCrowded }: DispatchDeps): Refusal {
  load.refused();
  if (isCrowded()) response.shouldKeepAlive = false;
  return refuse('overloaded', { headers: { 'retry-after': String(load.retryAfter()) } });
}

/** Writes the answer, the count and the line of a request. */
function conclude(
  exchange: Exchange,
  result: Answer,
  durationMs: number,
  { load, metrics, logger }: DispatchDeps,
): void {
  const { request, response, client } = exchange;
  const outcome: OutcomeWord = result === null ? 'aborted' : isRefusal(result) ? result.refused : result.outcome;
  let status = 0;
  if (result !== null && !response.headersSent && !response.destroyed) {
    if (isRefusal(result)) {
      [status] = PROBLEMS[result.refused];
      sendRefusal(response, result, client.secure);
      discardRest(request);
    } else {
      status = result.status;
      send(response, status, result.json, client.secure, result.headers);
    }
  }
  if (outcome !== 'overloaded') load.answered();
  metrics.handled(outcome, durationMs / 1000, exchange.claimedSiteId);
  logger.info(
    {
      outcome,
      status,
      duration_ms: Math.round(durationMs * 100) / 100,
      // Only a verified request names its site.
      site_id: exchange.siteId,
      request_id: exchange.requestId,
      event_type: exchange.eventType,
      body_bytes: exchange.bodyBytes,
      trace_id: exchange.traceparent?.slice(3, 35),
    },
    'request.handled',
  );
}
