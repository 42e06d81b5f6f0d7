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
  /** A valid `data` for each event type. */
  samples: Record<string, Record<string, unknown>>;
}

/** A site of `stack.json`, with all that is needed to send in its name. */
export interface StackSite {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  privateKeyFile: string;
  hmacSecret: string;
  callbackUrl: string | null;
}

/** A valid `data` of each built-in event type. */
export function samples(): StackFile['samples'] {
  const types = [...loadCatalogue([BUILT_IN_EVENT_TYPES]).values()];
  return Object.fromEntries(types.flatMap(({ name, sample }) => (sample === undefined ? [] : [[name, sample]])));
}

/** Writes `stack.json`, at once, readable by its owner only. */
export const writeStackFile = (path: string, file: StackFile): Promise<void> =>
  writePrivately(path, `${JSON.stringify(file, null, 2)}\n`);

/** Removes `stack.json`, for nothing answers there any more. */
export const removeStackFile = (path: string): Promise<void> => rm(path, { force: true });
