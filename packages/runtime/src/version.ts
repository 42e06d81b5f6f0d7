import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** From package.json at the root. */
export const VERSION = version;

/** Set by the image: the commit that it was built from. */
export const REVISION = process.env.PRESSFERRY_REVISION || 'unknown';
