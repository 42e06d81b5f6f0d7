import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Algorithm, keyFault } from '@pressferry/sites';

export type PublicAlgorithm = Exclude<Algorithm, 'HS256'>;

export interface PublicKey {
  algorithm: PublicAlgorithm;
  /** As OpenSSL writes it. */
  pem: string;
}

const BEGIN = '-----BEGIN PUBLIC KEY-----';
const END = '-----END PUBLIC KEY-----';

/** Common mistakes with their remedies. Order matters: a private key is reported first. */
const MISTAKES: readonly [sign: RegExp, remedy: string][] = [
  [
    /PRIVATE KEY/,
    'is a private key, which belongs to the site alone. Register its public half: openssl pkey -in private.pem -pubout -out public.pem',
  ],
  [/^\uFEFF/, 'begins with a byte order mark: save it without one'],
  [/\\n/, 'has its line breaks written out as \\n: printf \'%b\' "$KEY" > public.pem'],
  [
    /BEGIN CERTIFICATE/,
    'is a certificate: take its key with openssl x509 -in certificate.pem -pubkey -noout > public.pem',
  ],
  [
    /BEGIN RSA PUBLIC KEY/,
    'is in the form PKCS#1: turn it into SPKI with openssl rsa -RSAPublicKey_in -in key.pem -pubout -out public.pem',
  ],
  [/^(ssh|ecdsa)-/, 'is a key of SSH: turn it into SPKI with ssh-keygen -e -m PKCS8 -f key.pub > public.pem'],
  [/^\s*\{/, 'is JSON: register the key as SPKI PEM'],
  [/^\s*$/, 'is empty'],
];

/**
 * Reads PEM, on one line or with CRLF too, for an algorithm or the only one of its key type; refuses, with the remedy,
 * what services could not use.
 */
export function readPublicKey(text: string, algorithm?: PublicAlgorithm): PublicKey | { refused: string } {
  const mistake = MISTAKES.find(([sign]) => sign.test(text));
  if (mistake !== undefined) return { refused: mistake[1] };
  if (!text.startsWith(BEGIN)) return { refused: `does not begin with ${BEGIN}: remove what is in front of it` };
  if (text.split(BEGIN).length > 2) return { refused: 'holds more than one key' };
  if (!text.trimEnd().endsWith(END))
    return { refused: `does not end with ${END}: it is cut off, or something follows` };
  const key = importKey(text);
  if (key === null) return { refused: 'cannot be decoded: it is damaged' };
  const chosen = algorithm ?? ALGORITHM_OF[key.asymmetricKeyType ?? ''];
  if (chosen === undefined)
    return { refused: `is of type ${key.asymmetricKeyType}: register an RSA, EC (P-256) or Ed25519 key` };
  const fault = keyFault(key, chosen) ?? rsaFault(key);
  return fault === null ? { algorithm: chosen, pem: pemOf(key) } : { refused: `${fault}: make another key` };
}

/** A verification with more bits costs milliseconds. */
const MAX_RSA_BITS = 8_192;

/** Only a new RSA key must meet these. */
function rsaFault({ asymmetricKeyDetails: { modulusLength = 0, publicExponent } = {} }: KeyObject): string | null {
  if (publicExponent === undefined) return null;
  if (modulusLength > MAX_RSA_BITS) return `has ${modulusLength} bits; at most ${MAX_RSA_BITS} are taken`;
  return publicExponent >= 65_537n ? null : `has the public exponent ${publicExponent}; 65537 is usual`;
}

const ALGORITHM_OF: Readonly<Record<string, PublicAlgorithm>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

function importKey(text: string): KeyObject | null {
  const base64 = text.replace(BEGIN, '').replace(END, '').replaceAll(/\s/g, '');
  try {
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}

const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();
