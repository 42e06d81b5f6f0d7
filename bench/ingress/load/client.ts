import { connect, type Socket } from 'node:net';

/** One keep-alive connection with at most one request in flight; reconnects if the server closed it. */
export interface HttpClient {
  send: (request: Buffer) => void;
  destroy: () => void;
}

/** Status 0 if the connection was cut first. `body` is valid only during the call. */
export type OnAnswer = (status: number, body: Buffer) => void;

const NOTHING = Buffer.alloc(0);
const READ_BYTES = 16_384;
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const CLOSES = /\r\nconnection: *close/i;

/** A raw-socket HTTP/1.1 client without parser, agent or timers, so the load costs little of the measured machine. */
export function openClient(port: number, onAnswer: OnAnswer): HttpClient {
  let isWaiting = false;
  let partial = NOTHING;
  let socket: Socket | null = dial();

  function dial(): Socket {
    partial = NOTHING;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const callback = (length: number): boolean => {
      if (socket === created) take(buffer.subarray(0, length));
      return true;
    };
    const created: Socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } });
    created.on('error', () => undefined);
    created.on('close', () => {
      if (socket !== created) return;
      socket = null;
      if (isWaiting) answer(0, NOTHING);
    });
    return created;
  }

  function take(chunk: Buffer): void {
    const bytes = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    const headEnd = bytes.indexOf('\r\n\r\n');
    const head = headEnd === -1 ? '' : bytes.toString('latin1', 0, headEnd);
    const bodyStart = headEnd + 4;
    const isChunked = CHUNKED.test(head);
    const bodyEnd = bodyStart + Number(LENGTH.exec(head)?.[1] ?? 0);
    const isWhole = isChunked ? bytes.subarray(-5).equals(Buffer.from('0\r\n\r\n')) : bytes.length >= bodyEnd;
    if (headEnd === -1 || !isWhole) {
      // The buffer is reused.
      partial = Buffer.from(bytes);
      return;
    }
    partial = NOTHING;
    if (CLOSES.test(head)) hangUp();
    answer(Number(head.slice(9, 12)), bytes.subarray(bodyStart, isChunked ? undefined : bodyEnd));
  }

  function answer(status: number, body: Buffer): void {
    if (!isWaiting) return;
    isWaiting = false;
    onAnswer(status, body);
  }

  function hangUp(): void {
    const old = socket;
    socket = null;
    old?.destroy();
  }

  return {
    send: (request) => {
      isWaiting = true;
      socket ??= dial();
      socket.write(request);
    },
    destroy: hangUp,
  };
}
