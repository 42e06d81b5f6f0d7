import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { MAX_BODY_BYTES } from '@pressferry/contracts';
import type { FastifyInstance } from 'fastify';
import { type Refusal, refuse } from '../model.ts';
import { type Capacity, isOverloaded } from './capacity.ts';

/** Null if the client went away. */
export type Body = Buffer | Refusal | null;

export interface BodyDeps {
  capacity: Capacity;
  overloaded: () => Refusal;
}

/** `request.body` becomes a `Body`, whatever its media type. */
export function addBodyReader(app: FastifyInstance, deps: BodyDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    readBody(payload, deps, (body) => done(null, body));
  });
}

/** Reads no byte beyond the limit, whatever length was declared. Calls back once. */
export function readBody(request: Readable, { capacity, overloaded }: BodyDeps, done: (body: Body) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  capacity.reading++;
  const finish = (body: () => Body): void => {
    if (isOver) return;
    isOver = true;
    capacity.reading--;
    capacity.bufferedBytes -= length;
    done(body());
  };
  request.on('data', (chunk: Buffer) => {
    if (isOver) return;
    length += chunk.length;
    capacity.bufferedBytes += chunk.length;
    chunks.push(chunk);
    const isTooLarge = length > MAX_BODY_BYTES;
    if (!isTooLarge && capacity.bufferedBytes <= capacity.maxBufferedBytes) return;
    request.pause();
    finish(() => (isTooLarge ? refuse('body_too_large') : overloaded()));
  });
  request.on('end', () => finish(() => (isOverloaded(capacity) ? overloaded() : Buffer.concat(chunks, length))));
  request.on('close', () => finish(() => null));
  request.on('error', () => finish(() => null));
}

/** What a refused client may still send before its connection is cut: time for it to read the refusal. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 1_000;

/**
 * Discards the rest of a refused request, because closing with unread bytes resets the connection before the client
 * reads its answer. Bounded in bytes and time; a short rest leaves the connection usable.
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
