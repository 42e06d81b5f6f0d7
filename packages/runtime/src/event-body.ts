import type { Keyring } from './keyring.ts';

const SEALED_PREFIX = Buffer.from('pf1.');

/** What a sealed event body is bound to: the sealed text of another event does not open in its place. */
export const eventBodyContext = (requestId: string): string => `event:${requestId}`;

/** Seals a request body for EVENTS: the bytes of the same sealed text that Postgres keeps. */
export const sealEventBody = (keyring: Pick<Keyring, 'seal'>, body: Uint8Array, requestId: string): Buffer =>
  Buffer.from(keyring.seal(body, eventBodyContext(requestId)), 'latin1');

/** True if the bytes are a sealed text. A body itself is a JSON object, so it never begins like one. */
export const isSealedBody = (stored: Uint8Array): boolean =>
  Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.byteLength, SEALED_PREFIX.length)).equals(
    SEALED_PREFIX,
  );

/** The request body of an event, byte for byte. Throws as `Keyring.open` does if it is sealed and does not open. */
export const openEventBody = (keyring: Pick<Keyring, 'open'>, stored: Uint8Array, requestId: string): Uint8Array =>
  isSealedBody(stored) ? keyring.open(Buffer.from(stored).toString('latin1'), eventBodyContext(requestId)) : stored;
