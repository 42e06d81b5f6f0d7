import { errorFields, type Logger } from '@pressferry/runtime';
import Fastify, { type FastifyInstance } from 'fastify';
import { type ResultsDeps, registerResults } from '../routes/results.ts';
import { sendRefusal } from './respond.ts';

const MAX_HEADER_BYTES = 16 * 1024;

/** Builds the results API; it does not listen yet. */
export function buildApi(deps: ResultsDeps & { logger: Logger }, requestTimeoutMs: number): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 1024,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs,
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 64 },
    exposeHeadRoutes: false,
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  app.setNotFoundHandler((request, reply) => {
    const isResource = /^\/results(\/[^/]+)?$/.test(request.url.split('?')[0] ?? '');
    if (!isResource || request.method === 'GET') return sendRefusal(reply, { code: 'not_found' });
    return sendRefusal(reply.header('allow', 'GET'), { code: 'method_not_allowed' });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 400 && status < 500) return sendRefusal(reply, { code: 'request_malformed' });
    deps.logger.error(errorFields(error), 'request.failed');
    return sendRefusal(reply, { code: 'internal_error' });
  });
  registerResults(app, deps);
  return app;
}
