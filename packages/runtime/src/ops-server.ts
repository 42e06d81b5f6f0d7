import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { errorFields, type Logger } from './logger.ts';

/** Why a service is not ready, one entry a fault; empty when it is. Texts are ours, never an error's message. */
export type Readiness = () => string[];

export interface OpsServer extends AsyncDisposable {
  url: string;
}

export interface OpsOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Told of what keeps a request from being answered. */
  logger: Logger;
}

/**
 * Serves `/livez` (the process turns its event loop), `/readyz` (200, or 503 with reasons) and `/metrics` (Prometheus text).
 * Liveness asks no dependency: a restart heals none of them. A gauge or a reading that throws is answered with 500 and a log line; it
 * never ends the process.
 */
export async function startOpsServer(
  { host: listenHost, port: listenPort, logger }: OpsOptions,
  registry: Registry,
  readiness: Readiness,
): Promise<OpsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    answer(path, { registry, readiness })
      .catch((error: unknown) => {
        logger.error({ ...errorFields(error), path }, 'ops.request_failed');
        return { status: 500, contentType: 'text/plain', body: 'internal error; see the log\n' };
      })
      .then((answered) => send(response, answered));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenPort, listenHost, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = listenHost === '0.0.0.0' ? '127.0.0.1' : listenHost;
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  status: number;
  contentType: string;
  body: string;
}

async function answer(
  path: string | undefined,
  { registry, readiness }: { registry: Registry; readiness: Readiness },
): Promise<Answer> {
  const text = (status: number, body: string): Answer => ({ status, contentType: 'text/plain', body });
  if (path === '/livez') return text(200, 'ok\n');
  if (path === '/readyz') {
    const faults = readiness();
    return faults.length === 0 ? text(200, 'ok\n') : text(503, `${faults.join('\n')}\n`);
  }
  if (path === '/metrics') return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
  return text(404, 'not found\n');
}

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
}
