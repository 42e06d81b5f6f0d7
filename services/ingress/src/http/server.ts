import { createServer, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProblemCode } from '@pressferry/contracts';
import Fastify, { type FastifyInstance } from 'fastify';
import { createClientErrorHandler } from './client-errors.ts';
import type { Connections } from './connections.ts';
import { createTlsServer, type TlsEvent, type TlsFiles } from './tls.ts';

export interface HttpOptions {
  tls?: TlsFiles | undefined;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  maxConnections: number;
  connections: Connections;
  /** Called for what Node refused before there was a request. */
  onRefused: (code: ProblemCode) => void;
  onTls: (event: TlsEvent) => void;
}

const MAX_HEADER_BYTES = 16 * 1024;
const CHECK_MS = 500;
/** Connections beyond the allowed number that still get their 503; further ones are closed unread. */
const CROWD_MARGIN = 256;

/**
 * Bounds every time that a client may take, so a slow one costs only a socket for seconds. Closing answers requests in
 * flight, then closes every connection.
 */
export async function buildServer(options: HttpOptions): Promise<FastifyInstance> {
  const { connections, tls } = options;
  const settings: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_MS,
    noDelay: true,
    // Node's own refusal is not a problem document and is not counted.
    requireHostHeader: false,
  };
  const resources = new DisposableStack();
  const server =
    tls === undefined ? createServer(settings) : await createTlsServer(settings, tls, resources, options.onTls);
  // No limit on their number, because their size is limited. Above a count limit Node drops headers silently, and a
  // signed header must not disappear.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections + CROWD_MARGIN;
  connections.follow(server, tls !== undefined);
  const app = Fastify({
    // Answers `Expect: 100-continue` only once the head has passed.
    serverFactory: (handler) => server.on('request', handler).on('checkContinue', handler),
    clientErrorHandler: createClientErrorHandler(connections, options.onRefused),
    rewriteUrl: ({ url = '' }) => routableUrl(url),
    exposeHeadRoutes: false,
    return503OnClosing: false,
  });
  let timer: NodeJS.Timeout;
  app.addHook('preClose', async () => {
    connections.close();
    // A closing server checks no timeouts.
    timer = setTimeout(() => server.closeAllConnections(), options.requestTimeoutMs);
  });
  app.addHook('onClose', async () => {
    clearTimeout(timer);
    resources.dispose();
  });
  return app;
}

/** A path has one spelling: nothing is decoded, and a target of another form has no route. */
const routableUrl = (url: string): string => (url.startsWith('/') ? url.replaceAll(/[%#]/g, encodeURIComponent) : '/*');

export function urlOf(server: Server, isTls: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address;
  return `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
