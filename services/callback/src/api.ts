import { errorFields, type Logger } from '@pressferry/runtime';
import Fastify, { type FastifyInstance } from 'fastify';
import { SITE_ROUTES } from './model.ts';
import { type EnrollDeps, registerEnroll } from './routes/enroll.ts';
import { sendRefusal } from './routes/respond.ts';
import { type ResultsDeps, registerResults } from './routes/results.ts';
import { registerSite, type SiteDeps } from './routes/site.ts';

const POSTS: readonly string[] = ['/enroll', ...SITE_ROUTES];
const MAX_HEADER_BYTES = 16 * 1024;

export async function buildApi(
  deps: ResultsDeps & EnrollDeps & SiteDeps & { logger: Logger },
  requestTimeoutMs: number,
): Promise<FastifyInstance> {
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
    const path = request.url.split('?')[0] ?? '';
    const allowed = POSTS.includes(path) ? 'POST' : /^\/results(\/[^/]+)?$/.test(path) ? 'GET' : undefined;
    if (allowed === undefined || request.method === allowed) return sendRefusal(reply, { code: 'not_found' });
    return sendRefusal(reply.header('allow', allowed), { code: 'method_not_allowed' });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status === 413) return sendRefusal(reply, { code: 'body_too_large', detail: 'this path takes less' });
    if (status === 415) return sendRefusal(reply, { code: 'content_type_unsupported' });
    if (status >= 400 && status < 500) return sendRefusal(reply, { code: 'request_malformed' });
    deps.logger.error(errorFields(error), 'request.failed');
    return sendRefusal(reply, { code: 'internal_error' });
  });
  registerResults(app, deps);
  registerEnroll(app, deps);
  await registerSite(app, deps);
  return app;
}
