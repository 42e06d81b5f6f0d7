import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Why a service is not ready, one entry a fault; empty when it is. Texts are ours, never an error's message. */
export type Readiness = () => string[];

export interface OpsServer extends AsyncDisposable {
  url: string;
}

/**
 * Serves `/livez` (the process turns its event loop), `/readyz` (200, or 503 with reasons) and `/metrics` (Prometheus text).
 * Liveness asks no dependency: a restart heals none of them.
 */
export async function startOpsServer(
  options: { host: string; port: number },
  registry: Registry,
  readiness: Readiness,
): Promise<OpsServer> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/livez') return send(response, 200, 'text/plain', 'ok\n');
    if (path === '/readyz') {
      const faults = readiness();
      return faults.length === 0
        ? send(response, 200, 'text/plain', 'ok\n')
        : send(response, 503, 'text/plain', `${faults.join('\n')}\n`);
    }
    if (path === '/metrics') return send(response, 200, registry.contentType, await registry.metrics());
    return send(response, 404, 'text/plain', 'not found\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host === '0.0.0.0' ? '127.0.0.1' : options.host;
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
}
