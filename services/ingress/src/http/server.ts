import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ProblemCode } from '@pressferry/contracts';
import { rawRefusal } from './respond.ts';
import { followTls, readTls, type TlsFiles } from './tls.ts';

export interface HttpOptions {
  host: string;
  port: number;
  tls?: TlsFiles | undefined;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  maxConnections: number;
  /** Heard of what Node refused before there was a request. */
  onRefused: (code: ProblemCode) => void;
  onTls: (event: { reloaded: true } | { fault: unknown }) => void;
}

export interface HttpServer {
  url: string;
  connections: () => number;
  /** True once there are more connections than allowed: a request on one gets a 503. */
  isCrowded: () => boolean;
  /** Stops listening, lets requests in hand be answered, and closes every connection; resolves when all are gone. */
  close: () => Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const CHECK_MS = 500;
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Connections beyond the allowed ones that still get their 503; further ones are closed unread. */
const CROWD_MARGIN = 256;

/** Listens, with every time a client may take bounded, so that a slow one costs a socket for seconds and nothing else. */
export async function listen(handle: RequestListener, options: HttpOptions): Promise<HttpServer> {
  const settings = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_MS,
    noDelay: true,
    requireHostHeader: true,
  };
  const resources = new DisposableStack();
  const server = options.tls === undefined ? createServer(settings) : await tlsServer(settings, options, resources);
  // Beside the headers' number, their size is bounded; Node drops what is beyond in silence, and a signed header must not vanish.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections + CROWD_MARGIN;
  const answers = new Map<Socket, ServerResponse>();
  let connections = 0;
  let isClosing = false;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    if (isClosing) response.shouldKeepAlive = false;
    if (!answers.has(socket)) socket.once('close', () => answers.delete(socket));
    answers.set(socket, response);
    handle(request, response);
  };
  server.on('request', onRequest);
  // A client that asks first is told to go on by the same checks: see `Exchange.proceed`.
  server.on('checkContinue', onRequest);
  server.on('connection', (socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable || answers.get(socket)?.headersSent === true) {
      // Answered, and what came after is no HTTP: there is nobody to tell.
      socket.destroy();
      return;
    }
    const code = CLIENT_ERRORS[error.code ?? ''] ?? 'request_malformed';
    options.onRefused(code);
    socket.end(rawRefusal(code), () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host === '0.0.0.0' ? '127.0.0.1' : options.host;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    connections: () => connections,
    isCrowded: () => connections > options.maxConnections,
    close: async () => {
      isClosing = true;
      resources.dispose();
      // Answers in hand must not invite a next request.
      for (const answer of answers.values()) answer.shouldKeepAlive = false;
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
      });
    },
  };
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

async function tlsServer(settings: object, options: HttpOptions, resources: DisposableStack): Promise<Server> {
  const files = options.tls as TlsFiles;
  const mutual = files.clientCaPath === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const server = createTlsServer({
    ...settings,
    ...mutual,
    ...(await readTls(files)),
    honorCipherOrder: true,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ALPNProtocols: ['http/1.1'],
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  resources.use(
    followTls(server, files, {
      onReload: () => options.onTls({ reloaded: true }),
      onFault: (fault) => options.onTls({ fault }),
    }),
  );
  return server;
}
