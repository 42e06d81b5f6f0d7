import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

/** AES-256-GCM. A sealed text is `pf1.<key id>.<base64url of nonce, tag, ciphertext>`. */
export interface Keyring {
  /**
   * Seals under the first key. `context` (say `event:<id>`) is authenticated: a sealed text copied elsewhere does not
   * open.
   */
  seal: (plain: string | Uint8Array, context: string) => string;
  /** Throws a `SealingKeyMissing`, or an `Error` without content if context or text is wrong. */
  open: (sealed: string, context: string) => Buffer;
  currentKeyId: string;
  /** True if the text's key is not the first: seal it again. */
  isStale: (sealed: string) => boolean;
}

/** This process lacks the key that a sealed text names: the operator's to fix, not the text's fault. */
export class SealingKeyMissing extends Error {
  readonly keyId: string;

  constructor(keyId: string) {
    super(`sealed under the key "${keyId}", which SEALING_KEYS does not hold`);
    this.keyId = keyId;
  }
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `keys`: `id:base64 of 32 bytes`, separated by commas; the first seals, all open. Throws on a malformed one. */
export function createKeyring(keys: string): Keyring {
  const byId = new Map(keys.split(',').map((entry) => parseKey(entry.trim())));
  const [currentKeyId, currentKey] = [...byId][0] ?? [];
  if (currentKeyId === undefined || currentKey === undefined) throw new Error('a keyring needs a key');
  return {
    currentKeyId,
    seal: (plain, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', currentKey, nonce).setAAD(Buffer.from(context));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return `pf1.${currentKeyId}.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')}`;
    },
    open: (sealed, context) => {
      const [version, keyId, payload] = sealed.split('.');
      const key = byId.get(keyId ?? '');
      if (version !== 'pf1' || payload === undefined) throw new Error('not a sealed text');
      if (key === undefined) throw new SealingKeyMissing(keyId ?? '');
      return decrypt(key, Buffer.from(payload, 'base64url'), context);
    },
    isStale: (sealed) => !sealed.startsWith(`pf1.${currentKeyId}.`),
  };
}

function parseKey(entry: string): [string, KeyObject] {
  const [id, encoded = ''] = entry.split(':');
  const key = Buffer.from(encoded, 'base64');
  if (id === undefined || !/^[a-z0-9-]{1,32}$/.test(id) || key.length !== 32) {
    throw new Error('a sealing key is `id:` and the base64 of 32 bytes');
  }
  // OpenSSL prepares a key object once, a buffer at every call.
  return [id, createSecretKey(key)];
}

function decrypt(key: KeyObject, payload: Buffer, context: string): Buffer {
  const nonce = payload.subarray(0, NONCE_BYTES);
  const tag = payload.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context)).setAuthTag(tag);
    return Buffer.concat([decipher.update(payload.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new Error('the sealed text does not open: wrong key, context or content', { cause: error });
  }
}
