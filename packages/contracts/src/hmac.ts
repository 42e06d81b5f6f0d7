import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';

/** What SHA-256 reads at a time, which is what HMAC pads a key to, and what it makes; bytes. */
const BLOCK = 64;
const DIGEST = 32;
/** A longer message goes the usual way: there, hashing is what costs. */
const SHORT = 16_384;

// Used anew by each call: what is written to them is read again before anything else runs.
const inner = Buffer.allocUnsafeSlow(BLOCK + SHORT);
const outer = Buffer.allocUnsafeSlow(BLOCK + DIGEST);
const made = Buffer.allocUnsafeSlow(DIGEST);
const given = Buffer.allocUnsafeSlow(DIGEST);

/**
 * Compares the HMAC-SHA256 of a message with one in hexadecimal (64 digits), in constant time. For short messages it is put
 * together as RFC 2104 says, of two plain hashes: an object of OpenSSL's for each message costs more than twice as much as they do. A
 * property test holds it equal to the usual way.
 */
export function hmacMatches(key: KeyObject, message: Uint8Array, hex: string): boolean {
  if (given.write(hex, 'hex') !== DIGEST) return false;
  if (message.length > SHORT) return timingSafeEqual(createHmac('sha256', key).update(message).digest(), given);
  const pads = padsOf(key);
  inner.set(pads.inner);
  inner.set(message, BLOCK);
  outer.set(pads.outer);
  outer.write(hash('sha256', inner.subarray(0, BLOCK + message.length), 'binary'), BLOCK, 'binary');
  made.write(hash('sha256', outer, 'binary'), 'binary');
  return timingSafeEqual(made, given);
}

interface Pads {
  inner: Buffer;
  outer: Buffer;
}

const known = new WeakMap<KeyObject, Pads>();

function padsOf(key: KeyObject): Pads {
  const before = known.get(key);
  if (before !== undefined) return before;
  const secret = key.export();
  const block = Buffer.alloc(BLOCK);
  block.set(secret.length > BLOCK ? hash('sha256', secret, 'buffer') : secret);
  const pads = { inner: block.map((byte) => byte ^ 0x36) as Buffer, outer: block.map((byte) => byte ^ 0x5c) as Buffer };
  known.set(key, pads);
  return pads;
}
