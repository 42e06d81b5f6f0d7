import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { DEFAULT_AUDIENCE } from '@pressferry/contracts';
import { z } from 'zod';
import { readNamed } from '../input/files.ts';

export interface Sender {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  algorithm: 'RS256' | 'ES256' | 'EdDSA';
  key: KeyObject;
  /** Signs the body; its UTF-8 bytes are the key. */
  secret: string;
}

export interface SenderFlags {
  as?: string;
  site?: string;
  issuer?: string;
  audience?: string;
  kid?: string;
  keyFile?: string;
  secretFile?: string;
}

/** The output of `sites make-test`, and an entry of `sites` in stack.json. */
const credentialsSchema = z.object({
  siteId: z.string(),
  issuer: z.string(),
  audience: z.string().default(DEFAULT_AUDIENCE),
  kid: z.string(),
  privateKey: z.string().optional(),
  /** Instead, a file next to this one. */
  privateKeyFile: z.string().optional(),
  hmacSecret: z.string(),
});

/** Rejects with every fault. */
export async function readSender(flags: SenderFlags): Promise<Sender> {
  return flags.as === undefined ? fromFlags(flags) : fromFile(flags.as);
}

async function fromFile(path: string): Promise<Sender> {
  let json: unknown;
  try {
    json = JSON.parse(await readNamed(path, 'the file of --as'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`the file of --as ${path} is not JSON`);
    throw error;
  }
  const parsed = credentialsSchema.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path: at, message }) => `  ${at.join('.')}: ${message}`);
    throw new Error(`the file of --as ${path} holds no credentials of a site:\n${faults.join('\n')}`);
  }
  const { privateKey, privateKeyFile, hmacSecret, ...site } = parsed.data;
  if (privateKey === undefined && privateKeyFile === undefined)
    throw new Error(`the file of --as ${path} has neither privateKey nor privateKeyFile`);
  const pem = privateKey ?? (await readNamed(resolve(dirname(path), privateKeyFile ?? ''), 'the private key'));
  return { ...site, ...keyOf(pem, path), secret: hmacSecret };
}

async function fromFlags(flags: SenderFlags): Promise<Sender> {
  const { site, issuer, kid, keyFile, secretFile, audience = DEFAULT_AUDIENCE } = flags;
  if (!site || !issuer || !kid || !keyFile || !secretFile)
    throw new Error(
      'give the credentials of a site: --as FILE (pressferry sites make-test writes one), or all of --site, --issuer, --kid, --key-file and --secret-file',
    );
  const pem = await readNamed(keyFile, 'the private key');
  const secret = (await readNamed(secretFile, 'the secret file')).trim();
  return { siteId: site, issuer, audience, kid, ...keyOf(pem, keyFile), secret };
}

const ALGORITHM_OF: Readonly<Record<string, Sender['algorithm']>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

function keyOf(pem: string, path: string): Pick<Sender, 'key' | 'algorithm'> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error(`the private key of ${path} cannot be read: it must be PEM without a passphrase`);
  }
  const algorithm = ALGORITHM_OF[key.asymmetricKeyType ?? ''];
  if (algorithm === undefined)
    throw new Error(
      `the private key of ${path} is of type ${key.asymmetricKeyType}: RSA, EC (P-256) or Ed25519 is needed`,
    );
  return { key, algorithm };
}
