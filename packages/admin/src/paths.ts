import { fileURLToPath } from 'node:url';

/** The checkout, or `/app` in the image. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
