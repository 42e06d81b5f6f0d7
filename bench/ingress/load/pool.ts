import { readFileSync } from 'node:fs';

/** A request as bytes on the wire. */
export interface PooledRequest {
  raw: Buffer;
  /** Where the body begins in `raw`. */
  bodyStart: number;
  idempotencyKey: string;
}

/** Requests signed ahead, in one piece of memory. */
export interface Pool {
  count: number;
  raw: (index: number) => Buffer;
  body: (index: number) => Buffer;
  idempotencyKey: (index: number) => string;
}

const KEY_CHARS = 36;
const HEAD_BYTES = 8 + KEY_CHARS;

/** A record of a pool file: length of the request, start of its body, idempotency key, request. */
export function encodeRecord({ raw, bodyStart, idempotencyKey }: PooledRequest): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(raw.length, 0);
  head.writeUInt32LE(bodyStart, 4);
  head.write(idempotencyKey, 8, 'latin1');
  return Buffer.concat([head, raw]);
}

/** Reads pool files into memory. */
export function readPool(paths: readonly string[]): Pool {
  const bytes = Buffer.concat(paths.map((path) => readFileSync(path)));
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += HEAD_BYTES + bytes.readUInt32LE(at)) starts.push(at);
  const startOf = (index: number): number => {
    const start = starts[index];
    if (start === undefined) throw new RangeError(`the pool has no request ${index}`);
    return start;
  };
  const raw = (index: number): Buffer => {
    const start = startOf(index);
    return bytes.subarray(start + HEAD_BYTES, start + HEAD_BYTES + bytes.readUInt32LE(start));
  };
  return {
    count: starts.length,
    raw,
    body: (index) => raw(index).subarray(bytes.readUInt32LE(startOf(index) + 4)),
    idempotencyKey: (index) => bytes.toString('latin1', startOf(index) + 8, startOf(index) + HEAD_BYTES),
  };
}
