import { generateKeyPair, randomBytes } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writePrivately } from '@pressferry/admin';
import type { DataPaths } from '../paths.ts';

export interface DemoSite {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  publicKeyPem: string;
  privateKeyPem: string;
  privateKeyFile: string;
  hmacSecret: string;
}

/** Made once per data directory. */
export interface Secrets {
  sealingKeys: string;
  /** For clients of NATS. */
  natsToken: string;
  sites: DemoSite[];
}

const SITE_IDS = ['demo', 'load'];
const generate = promisify(generateKeyPair);

/** Makes missing ones; sites' private keys are also in files of their own, for tools. */
export async function loadSecrets(paths: DataPaths): Promise<Secrets> {
  const stored = await readFile(paths.secrets, 'utf8').catch(() => undefined);
  const secrets = stored === undefined ? await makeSecrets(paths) : await completed(JSON.parse(stored), paths);
  // The directory may have been moved.
  const sites = secrets.sites.map((site) => ({ ...site, privateKeyFile: join(paths.keys, `${site.siteId}.pem`) }));
  await mkdir(paths.keys, { recursive: true, mode: 0o700 });
  for (const { privateKeyFile, privateKeyPem } of sites) await writePrivately(privateKeyFile, privateKeyPem);
  return { ...secrets, sites };
}

/** Adds secrets that an earlier version did not make. */
async function completed(stored: Omit<Secrets, 'natsToken'> & Partial<Secrets>, paths: DataPaths): Promise<Secrets> {
  const { natsToken } = stored;
  if (natsToken !== undefined) return { ...stored, natsToken };
  const secrets = { ...stored, natsToken: makeToken() };
  await writePrivately(paths.secrets, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

// Hexadecimal needs no escaping in a URL.
const makeToken = (): string => randomBytes(24).toString('hex');

async function makeSecrets(paths: DataPaths): Promise<Secrets> {
  const hasData = await access(paths.postgres).then(
    () => true,
    () => false,
  );
  if (hasData)
    throw new Error(
      `${paths.secrets} is missing, and without it the data next to it cannot be opened: pressferry clean`,
    );
  const secrets: Secrets = {
    sealingKeys: `local:${randomBytes(32).toString('base64')}`,
    natsToken: makeToken(),
    sites: await Promise.all(SITE_IDS.map((siteId) => makeSite(siteId))),
  };
  await writePrivately(paths.secrets, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

async function makeSite(siteId: string): Promise<DemoSite> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    siteId,
    issuer: `https://${siteId}.example`,
    audience: 'pressferry',
    kid: `${siteId}-1`,
    publicKeyPem: publicKey,
    privateKeyPem: privateKey,
    privateKeyFile: '',
    hmacSecret: randomBytes(32).toString('base64url'),
  };
}
