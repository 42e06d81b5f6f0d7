import { rm } from 'node:fs/promises';
import { writePrivately } from '@pressferry/admin';
import { BUILT_IN_EVENT_TYPES, loadCatalogue } from '@pressferry/contracts';

/** `stack.json`: how people and tools reach a running stack. */
export interface StackFile {
  /** Base URLs, without a path. */
  ingressUrl: string;
  ingressUrls: string[];
  callbackUrl: string;
  natsUrl: string;
  postgresUrl: string;
  vendorUrl: string;
  /** By process: `ingress`, `ingress-2`, `enricher`, … */
  opsUrls: Record<string, string>;
  sites: StackSite[];
  samples: Record<string, Record<string, unknown>>;
}

/** With all that is needed to send as this site. */
export interface StackSite {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  privateKeyFile: string;
  hmacSecret: string;
  callbackUrl: string | null;
}

export function samples(): StackFile['samples'] {
  const types = [...loadCatalogue([BUILT_IN_EVENT_TYPES]).values()];
  return Object.fromEntries(types.flatMap(({ name, sample }) => (sample === undefined ? [] : [[name, sample]])));
}

/** Atomic, readable by its owner only. */
export const writeStackFile = (path: string, file: StackFile): Promise<void> =>
  writePrivately(path, `${JSON.stringify(file, null, 2)}\n`);

export const removeStackFile = (path: string): Promise<void> => rm(path, { force: true });
