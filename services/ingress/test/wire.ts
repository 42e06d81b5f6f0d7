import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { SignedRequest } from '@pressferry/testing';

/** One answer as it came over the wire. */
export interface WireAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** The problem's code, if it is one. */
  code: string | undefined;
}

/** A connection on which a test writes byte for byte what it wants. */
export interface Wire extends Disposable {
  socket: Socket;
  write: (bytes: string | Buffer) => void;
  /** The next answer, a 1xx one too; rejects if the connection ends without one. */
  next: () => Promise<WireAnswer>;
  /** Resolves to what came and was not part of an answer read by `next`, once the server has closed. */
  closed: Promise<string>;
}

/** Connects to ingress; over TLS if its address says so. */
export async function openWire(apiUrl: string, tls: ConnectionOptions = {}): Promise<Wire> {
  const { protocol, hostname, port } = new URL(apiUrl);
  const isTls = protocol === 'https:';
  const socket = isTls
    ? connectTls({ host: hostname, port: Number(port), ...tls })
    : connectTcp({ host: hostname, port: Number(port) });
  await once(socket, isTls ? 'secureConnect' : 'connect');
  let received = Buffer.alloc(0);
  let isClosed = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  // A reset is one of the ways in which a server closes; what had come by then counts.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      isClosed = true;
      wake();
      resolve(received.toString('utf8'));
    });
  });
  return {
    socket,
    closed,
    write: (bytes) => void socket.write(bytes),
    next: async () => {
      for (;;) {
        const parsed = parseAnswer(received);
        if (parsed !== null) {
          received = received.subarray(parsed.length);
          return parsed.answer;
        }
        if (isClosed) throw new Error(`closed without an answer, after ${JSON.stringify(received.toString('utf8'))}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function parseAnswer(bytes: Buffer): { answer: WireAnswer; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = headEnd + 4 + Number(headers['content-length'] ?? 0);
  if (bytes.length < length) return null;
  const body = bytes.subarray(headEnd + 4, length).toString('utf8');
  const code = headers['content-type'] === 'application/problem+json' ? JSON.parse(body).code : undefined;
  return { answer: { status: Number(statusLine.split(' ')[1]), headers, body, code }, length };
}

/** The head of a request to `POST /ingest`; headers that are undefined are left out. */
export function headOf(
  { headers, body }: Pick<SignedRequest, 'headers' | 'body'>,
  more: Record<string, string | undefined> = {},
): string {
  const all = { host: 'localhost', ...headers, 'content-length': String(Buffer.byteLength(body)), ...more };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `POST /ingest HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** A whole request to `POST /ingest`. */
export const wireForm = (request: Pick<SignedRequest, 'headers' | 'body'>): string =>
  `${headOf(request)}${request.body}`;
