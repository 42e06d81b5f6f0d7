import { randomBytes } from 'node:crypto';

/** Lengths in characters. */
export const SECRET_CHARS = { min: 16, max: 1_024 };

/**
 * Reads a file's text, which may end with one line break. Refuses characters that an editor, a shell or a form might
 * change, because both sides must use the same bytes.
 */
export function readSecret(text: string): { secret: string } | { refused: string } {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') return { refused: 'is empty' };
  if (secret.startsWith('\uFEFF')) return { refused: 'begins with a byte order mark: save it without one' };
  if (/[\r\n]/.test(secret)) return { refused: 'has more than one line: keep the secret alone in it' };
  if (secret !== secret.trim()) return { refused: 'begins or ends with a blank' };
  if (/\p{Cc}/u.test(secret)) return { refused: 'holds a control character' };
  if (!secret.isWellFormed() || secret.includes('\uFFFD')) return { refused: 'is not UTF-8' };
  const { min, max } = SECRET_CHARS;
  if (secret.length < min || secret.length > max)
    return { refused: `has ${secret.length} characters: use ${min} to ${max}, as openssl rand -base64 32 makes` };
  return { secret };
}

/** 256 bits. */
export const drawSecret = (): string => randomBytes(32).toString('base64url');
