import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemCode, problem } from '@pressferry/contracts';
import type { FastifyReply } from 'fastify';
import { refuse } from '../model.ts';
import { HSTS } from './answer.ts';
import type { Connections } from './connections.ts';

/** Ends a connection whose bytes are not HTTP or came too slowly. `onRefused` is called if no request was known. */
export function createClientErrorHandler(connections: Connections, onRefused: (code: ProblemCode) => void) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Gone, or idle and never asked for anything.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) socket.destroy();
    else end(socket, connections.inFlight(socket), CLIENT_ERRORS[error.code ?? ''] ?? 'request_malformed', onRefused);
  };
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemCode | 'gone'>> = {
  HPE_INVALID_EOF_STATE: 'gone',
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Never answers if the client could take it for the answer to another request. */
function end(
  socket: Socket,
  last: FastifyReply | null,
  code: ProblemCode | 'gone',
  onRefused: (code: ProblemCode) => void,
): void {
  const isInFlight = last !== null && !last.raw.writableFinished;
  if (isInFlight && last.request.raw.complete) {
    // The broken bytes follow a request in flight: its answer is the last one.
    last.raw.shouldKeepAlive = false;
    last.raw.once('finish', () => socket.end(() => socket.destroy()));
  } else if (code === 'gone' || (last !== null && !last.request.raw.complete && last.raw.headersSent)) {
    // No one reads any more, or the bytes belong to a request that was refused before.
    socket.destroy();
  } else if (isInFlight) {
    // Its body is broken.
    socket.once('close', () => last.request.raw.destroy());
    last.raw.shouldKeepAlive = false;
    last.answer(refuse(code), true);
  } else {
    // No request was seen yet.
    onRefused(code);
    socket.end(rawRefusal(code, 'encrypted' in socket), () => socket.destroy());
  }
}

function rawRefusal(code: ProblemCode, secure: boolean): string {
  const body = JSON.stringify(problem(code));
  const [status] = PROBLEMS[code];
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
    ...(secure ? [`strict-transport-security: ${HSTS}`] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};
