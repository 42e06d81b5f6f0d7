import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES } from '@pressferry/contracts';
import type { Capacity } from './capacity.ts';

/** What came of reading a body; `crowded` where too much of other bodies is being read. */
export type ReadBody = Buffer | 'too_large' | 'crowded' | 'aborted';

/** The declared length of a body in bytes, NaN where none is declared (a chunked body, or none at all). */
export const declaredLength = (request: IncomingMessage): number =>
  Number(request.headers['content-length'] ?? Number.NaN);

/**
 * Reads a body whole, and no byte further than the limit allows: a longer one stops the reading, whatever length was declared.
 * Calls back once.
 */
export function readBody(request: IncomingMessage, capacity: Capacity, done: (body: ReadBody) => void): void {
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let length = 0;
  let isOver = false;
  capacity.reading++;
  const finish = (body: ReadBody): void => {
    if (isOver) return;
    isOver = true;
    capacity.reading--;
    capacity.bufferedBytes -= length;
    done(body);
  };
  request.on('data', (chunk: Buffer) => {
    if (isOver) return;
    length += chunk.length;
    capacity.bufferedBytes += chunk.length;
    const isTooLarge = length > MAX_BODY_BYTES;
    if (isTooLarge || capacity.bufferedBytes > capacity.maxBufferedBytes) {
      request.pause();
      finish(isTooLarge ? 'too_large' : 'crowded');
    } else if (first === undefined) first = chunk;
    else {
      chunks ??= [first];
      chunks.push(chunk);
    }
  });
  request.on('end', () => finish(chunks === undefined ? (first ?? EMPTY) : Buffer.concat(chunks, length)));
  request.on('close', () => finish('aborted'));
  request.on('error', () => finish('aborted'));
}

const EMPTY = Buffer.alloc(0);

/** What a refused client may still send before its connection is cut: enough for it to read the refusal. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 1_000;

/**
 * Throws away what is left of a refused request, so that the client, which may be writing still, gets to read its answer: closing
 * with unread bytes resets the connection. Bounded in bytes and time; a short rest leaves the connection fit for the next request.
 */
export function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const { socket } = request;
  let left = LINGER_BYTES;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
