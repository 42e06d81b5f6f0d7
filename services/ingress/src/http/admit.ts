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
  /** TLS, allow-list and rate, before the request is read. */
  checkClient: (client: Client) => Refusal | null | Promise<Refusal | null>;
  refuseRoute: (path: string) => Refusal;
  capacity: Capacity;
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

/** A hook that ends the request with an answer, or continues if there is none. */
export const judgeBy =
  (judge: (request: FastifyRequest, reply: FastifyReply) => Promise<Answer | 'go on'>): onRequestHookHandler =>
  (request, reply, done) => {
    judge(request, reply).then((answer) => (answer === 'go on' ? done() : reply.answer(answer)), done);
  };

export const answerBy =
  (work: (request: FastifyRequest) => Promise<Answer>): RouteHandlerMethod =>
  (request, reply) => {
    work(request).then(
      (answer) => reply.answer(answer),
      (error) => reply.send(error),
    );
  };

/** Judges connection, client and path before headers are parsed or a byte of the body is read. */
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
    // Fastify is stricter about a media type's form than the pattern that it passed.
    const isMediaType = error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
    if (isMediaType) return reply.answer(refuse('content_type_unsupported'));
    deps.logger.error(errorFields(error), 'request.failed');
    reply.answer(refuse('internal_error'));
  });
}

/** For the refusal of a request whose client is unknown. */
const UNKNOWN_CLIENT = { limitKey: '', secure: false } as Client;

async function judgeRequest(request: FastifyRequest, reply: FastifyReply, deps: AdmitDeps): Promise<Answer | 'go on'> {
  const { facts, raw } = request;
  const client = deps.findClient(raw);
  // The connection is gone, most likely; if not, the client may retry.
  if (client === null) return refuse('internal_error');
  facts.client = client;
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
    reply.raw.shouldKeepAlive = false;
    return refuse('request_malformed');
  }
  if (deps.tarpit.holds(raw.socket)) {
    // A client that pipelines without waiting for the answer to a forgery would not be slowed down.
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
