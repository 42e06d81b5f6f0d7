import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { errorFields, type Logger } from './logger.ts';
import type { Readiness } from './readiness.ts';

export interface OpsServer extends AsyncDisposable {
  url: string;
}

export interface OpsOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  logger: Logger;
}

/**
 * Serves `/livez` (the event loop turns), `/readyz` (200, or 503 with reasons) and `/metrics` (Prometheus text).
 * Liveness checks no dependency, because a restart heals none. A gauge or a reading that throws gets 500 and a log
 * line.
 */
export async function startOpsServer(
  { host: listenHost, port: listenPort, logger }: OpsOptions,
  registry: Registry,
  readiness: Readiness,
): Promise<OpsServer> {
  const app = Fastify({ forceCloseConnections: true });
  app.get('/livez', async (_request, reply) => text(reply, 200, 'ok\n'));
  app.get('/readyz', async (_request, reply) => {
    const faults = readiness();
    return faults.length === 0 ? text(reply, 200, 'ok\n') : text(reply, 503, `${faults.join('\n')}\n`);
  });
  app.get('/metrics', async (_request, reply) => text(reply, 200, await registry.metrics(), registry.contentType));
  app.setNotFoundHandler((_request, reply) => text(reply, 404, 'not found\n'));
  app.setErrorHandler((error, request, reply) => {
    const path = request.url.split('?')[0];
    logger.error({ ...errorFields(error), path }, 'ops.request_failed');
    return text(reply, 500, 'internal error; see the log\n');
  });
  await app.listen({ host: listenHost, port: listenPort });
  const { port } = app.server.address() as AddressInfo;
  const host = listenHost === '0.0.0.0' ? '127.0.0.1' : listenHost;
  return { url: `http://${host}:${port}`, [Symbol.asyncDispose]: () => app.close() };
}

const text = (reply: FastifyReply, status: number, body: string, contentType = 'text/plain'): FastifyReply =>
  reply.code(status).headers({ 'content-type': contentType, 'cache-control': 'no-store' }).send(body);
