import type { Keyring } from './keyring.ts';

const SEALED_PREFIX = Buffer.from('pf1.');

/** Sealing context: another event's sealed text does not open in its place. */
export const eventBodyContext = (requestId: string): string => `event:${requestId}`;

/** The bytes of the sealed text that Postgres keeps. */
export const sealEventBody = (keyring: Pick<Keyring, 'seal'>, body: Uint8Array, requestId: string): Buffer =>
  Buffer.from(keyring.seal(body, eventBodyContext(requestId)), 'latin1');

/** A body is a JSON object, so it never begins like a sealed text. */
export const isSealedBody = (stored: Uint8Array): boolean =>
  Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.byteLength, SEALED_PREFIX.length)).equals(
    SEALED_PREFIX,
  );

/** The body byte for byte, sealed or not. Throws as `Keyring.open` does. */
export const openEventBody = (keyring: Pick<Keyring, 'open'>, stored: Uint8Array, requestId: string): Uint8Array =>
  isSealedBody(stored) ? keyring.open(Buffer.from(stored).toString('latin1'), eventBodyContext(requestId)) : stored;
