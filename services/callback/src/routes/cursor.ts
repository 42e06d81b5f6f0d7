import type { Cursor } from '../model.ts';

export const START: Cursor = { xid: 0n, ordinal: 0n };

const VERSION = 1;
const BYTES = 17;
const MAX_ORDINAL = 2n ** 63n - 1n;
const FORM = /^[A-Za-z0-9_-]{23}$/;

/** base64url of one byte of version, eight of transaction id, eight of ordinal. */
export function encodeCursor({ xid, ordinal }: Cursor): string {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt8(VERSION);
  bytes.writeBigUInt64BE(xid, 1);
  bytes.writeBigUInt64BE(ordinal, 9);
  return bytes.toString('base64url');
}

/** Null if callback did not issue it. Each cursor has exactly one text. */
export function decodeCursor(text: string): Cursor | null {
  if (!FORM.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== BYTES || bytes[0] !== VERSION || bytes.toString('base64url') !== text) return null;
  const cursor = { xid: bytes.readBigUInt64BE(1), ordinal: bytes.readBigUInt64BE(9) };
  return cursor.ordinal <= MAX_ORDINAL ? cursor : null;
}
