import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorsDir } from '../lanes/lane.ts';

/** The plugin's constants for an ingress on this machine. */
export async function settingsFor(ingressUrl: string): Promise<Record<string, string>> {
  const { keys } = JSON.parse(await readFile(join(vectorsDir, 'keys.json'), 'utf8'));
  return {
    SITE_ID: 'harbour',
    KID: 'rsa-1',
    PRIVATE_KEY: keys.rs256.private_key,
    HMAC_SECRET: 'correct horse battery staple',
    INGRESS_URL: ingressUrl,
    INSECURE: '1',
    ALLOW_PRIVATE_HOSTS: '1',
  };
}
