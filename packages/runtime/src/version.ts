import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The release of the product, as package.json at the root states it. */
export const VERSION = version;

/** The commit that an image was built from; an image sets it. */
export const REVISION = process.env.PRESSFERRY_REVISION || 'unknown';
