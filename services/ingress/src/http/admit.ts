import { errorFields, type Logger } from '@pressferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, RouteHandlerMethod } from 'fastify';
import { type Answer, type Client, type Refusal, type RequestFacts, refuse } from '../model.ts';
import { type Capacity, isOverloaded } from './capacity.ts';
import type { FindClient } from './client.ts';
import type { Connections } from './connections.ts';
import type { Tarpit } from './tarpit.ts';

export interface AdmitDeps {
  connections: Connections;
  findClient: FindClient;
  /** Checks of every client before its request is read: TLS, allow-list, rate. */
  checkClient: (client: Client) => Refusal | null | Promise<Refusal | null>;
  /** Why a path and method have no route. */
  refuseRoute: (path: string) => Refusal;
  capacity: Capacity;
  /** The refusal of a request that there is no room for. */
  overloaded: () => Refusal;
  tarpit: Pick<Tarpit, 'holds'>;
  logger: Logger;
}

declare module 'fastify' {
  interface FastifyRequest {
    facts: RequestFacts;
    begunMs: number;
    isAnswered: boolean;
  }
}

/** A hook that ends the request with an answer, perhaps a later one, or lets it go on if there is none. */
export const judgeBy =
  (judge: (request: FastifyRequest, reply: FastifyReply) => Promise<Answer | 'go on'>): onRequestHookHandler =>
  (request, reply, done) => {
    judge(request, reply).then((answer) => (answer === 'go on' ? done() : reply.answer(answer)), done);
  };

/** A handler that ends the request with the answer of `work`. */
export const answerBy =
  (work: (request: FastifyRequest) => Promise<Answer>): RouteHandlerMethod =>
  (request, reply) => {
    work(request).then(
      (answer) => reply.answer(answer),
      (error) => reply.send(error),
    );
  };

/** Judges each request by its connection, its client and its path, before its headers are looked at and a byte of its body is read. */
export function addAdmission(app: FastifyInstance, deps: AdmitDeps): void {
  app.decorateRequest('facts');
  app.decorateRequest('begunMs', 0);
  app.decorateRequest('isAnswered', false);
  app.addHook(
    'onRequest',
    judgeBy(async (request, reply) => {
      deps.capacity.inFlight++;
      request.begunMs = performance.now();
      request.facts = { client: UNKNOWN_CLIENT };
      deps.connections.begin(request.raw.socket, reply);
      return judgeRequest(request, reply, deps);
    }),
  );
  app.setErrorHandler((error, _request, reply) => {
    // Fastify judges the form of a media type more strictly than the pattern that it has passed.
    const isMediaType = error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
    if (isMediaType) return reply.answer(refuse('content_type_unsupported'));
    deps.logger.error(errorFields(error), 'request.failed');
    reply.answer(refuse('internal_error'));
  });
}

/** Stands in if no client could be made out; its request goes no further than the refusal. */
const UNKNOWN_CLIENT = { limitKey: '', secure: false } as Client;

async function judgeRequest(request: FastifyRequest, reply: FastifyReply, deps: AdmitDeps): Promise<Answer | 'go on'> {
  const { facts, raw } = request;
  const client = deps.findClient(raw);
  // Whose connection is gone hears nothing of it; should it be there after all, it may try again.
  if (client === null) return refuse('internal_error');
  facts.client = client;
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
    reply.raw.shouldKeepAlive = false;
    return refuse('request_malformed');
  }
  if (deps.tarpit.holds(raw.socket)) {
    // A client that sends on without waiting for the answer to a forgery would not be slowed down at all.
    raw.socket.destroy();
    return null;
  }
  const isCrowded = deps.connections.isCrowded(raw.socket);
  if (isCrowded) reply.raw.shouldKeepAlive = false;
  if (isCrowded || isOverloaded(deps.capacity)) return deps.overloaded();
  const refusal = await deps.checkClient(client);
  if (refusal !== null) return refusal;
  return request.is404 ? deps.refuseRoute(request.originalUrl.split('?')[0] ?? '') : 'go on';
}
