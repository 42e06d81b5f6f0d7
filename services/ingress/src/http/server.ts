import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ProblemCode } from '@pressferry/contracts';
import { discardRest } from './body.ts';
import { createConnections, type Turn } from './connections.ts';
import { refuse } from './refusal.ts';
import { rawRefusal, sendRefusal } from './respond.ts';
import { expiryOf, followTls, readTls, type TlsFiles } from './tls.ts';

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
  /** Heard of each certificate that comes into force, with when it ends in ms since the epoch, and of each that cannot. */
  onTls: (event: { kind: 'first' | 'changed'; expiresAtMs: number } | { kind: 'refused'; fault: unknown }) => void;
}

export interface HttpServer {
  url: string;
  connections: () => number;
  /** True for a connection beyond the allowed ones: a request on it gets a 503. */
  isCrowded: (socket: Socket) => boolean;
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
    // Checked here: Node's own refusal is no problem document, and is counted by nobody.
    requireHostHeader: false,
  };
  const resources = new DisposableStack();
  const server = options.tls === undefined ? createServer(settings) : await tlsServer(settings, options, resources);
  // Beside the headers' number, their size is bounded; Node drops what is beyond in silence, and a signed header must not vanish.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections + CROWD_MARGIN;
  const open = createConnections();
  let connections = 0;
  let isClosing = false;
  // What is answered and read to its end needs no telling apart any more.
  function forget(this: ServerResponse): void {
    const { req } = this;
    const connection = open.find(req.socket);
    if (req.complete && connection?.last?.response === this) connection.last = null;
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    if (isClosing) response.shouldKeepAlive = false;
    const connection = open.find(socket);
    if (connection !== undefined) connection.last = { request, response };
    response.on('finish', forget);
    if (request.headers.host === undefined && request.httpVersion === '1.1') refuseHostless(request, response, options);
    else handle(request, response);
  };
  server.on('request', onRequest);
  // A client that asks first is told to go on by the same checks: see `Exchange.proceed`.
  server.on('checkContinue', onRequest);
  server.on('connection', (socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  // Of TLS, requests come on the socket that stands upon the connection's own.
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    open.add(socket, connections > options.maxConnections);
    if (isClosing) socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const last = open.find(socket)?.last ?? null;
    // Gone; or idle, and never asked for anything.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) socket.destroy();
    else endBroken(socket, last, CLIENT_ERRORS[error.code ?? ''] ?? 'request_malformed', options.onRefused);
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
    isCrowded: (socket) => connections > options.maxConnections && open.find(socket)?.isLate === true,
    close: async () => {
      isClosing = true;
      resources.dispose();
      for (const { socket, last } of open.all()) {
        // An answer in hand must not invite a next request; where none is, Node would wait for one that may never come.
        if (last === null || last.response.writableFinished) socket.destroy();
        else last.response.shouldKeepAlive = false;
      }
      // Once it closes, Node looks at no time-out any more.
      const timer = setTimeout(() => server.closeAllConnections(), options.requestTimeoutMs);
      await new Promise((resolve) => void server.close(resolve));
      clearTimeout(timer);
    },
  };
}

function refuseHostless(request: IncomingMessage, response: ServerResponse, { onRefused }: HttpOptions): void {
  onRefused('request_malformed');
  response.shouldKeepAlive = false;
  sendRefusal(response, refuse('request_malformed'), 'encrypted' in request.socket);
  discardRest(request);
}

/** Ends a connection on which what came is no HTTP, or came too slowly; answers what can be answered without being mistaken. */
function endBroken(
  socket: Socket,
  last: Turn | null,
  code: ProblemCode | 'gone',
  onRefused: HttpOptions['onRefused'],
): void {
  const secure = 'encrypted' in socket;
  const isInHand = last !== null && !last.response.writableFinished;
  if (isInHand && last.request.complete) {
    // What is broken came behind a request in hand: that one's answer is the last, and nothing else may stand in its place.
    last.response.shouldKeepAlive = false;
    last.response.once('finish', () => socket.end(() => socket.destroy()));
  } else if (code === 'gone' || (last !== null && !last.request.complete && last.response.headersSent)) {
    // Nobody reads on, or what is broken is the rest of a request that was refused before.
    socket.destroy();
  } else if (isInHand) {
    // Its body. The route sees the request end with the connection, and counts it by what was answered here.
    socket.once('close', () => last.request.destroy());
    last.response.shouldKeepAlive = false;
    sendRefusal(last.response, refuse(code), secure);
  } else {
    // A request that nobody was told of yet.
    onRefused(code);
    socket.end(rawRefusal(code, secure), () => socket.destroy());
  }
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemCode | 'gone'>> = {
  HPE_INVALID_EOF_STATE: 'gone',
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

async function tlsServer(settings: object, options: HttpOptions, resources: DisposableStack): Promise<Server> {
  const files = options.tls as TlsFiles;
  const mutual = files.clientCaPath === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const inForce = await readTls(files);
  const server = createTlsServer({
    ...settings,
    ...mutual,
    ...inForce,
    honorCipherOrder: true,
    handshakeTimeout: Math.min(HANDSHAKE_TIMEOUT_MS, options.headersTimeoutMs),
    ALPNProtocols: ['http/1.1'],
  });
  options.onTls({ kind: 'first', expiresAtMs: expiryOf(inForce) });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  resources.use(
    followTls(
      server,
      { files, inForce },
      {
        onReload: (renewed) => options.onTls({ kind: 'changed', expiresAtMs: expiryOf(renewed) }),
        onFault: (fault) => options.onTls({ kind: 'refused', fault }),
      },
    ),
  );
  return server;
}
