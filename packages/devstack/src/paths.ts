import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository: what is run and where downloads are kept is found from here, whatever the current folder is. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Where a stack keeps its data unless told otherwise. */
export const DEFAULT_DATA_DIR = join(ROOT, '.pressferry');

/** Downloads, shared by all data directories and by the tests. */
export const CACHE_DIR = join(DEFAULT_DATA_DIR, 'cache');

/** Everything of one data directory, by name. */
export interface DataPaths {
  dir: string;
  lock: string;
  stack: string;
  secrets: string;
  ports: string;
  keys: string;
  postgres: string;
  nats: string;
  wordpress: string;
}

export const dataPaths = (dir: string): DataPaths => ({
  dir,
  lock: join(dir, 'stack.lock'),
  stack: join(dir, 'stack.json'),
  secrets: join(dir, 'secrets.json'),
  ports: join(dir, 'ports.json'),
  keys: join(dir, 'keys'),
  postgres: join(dir, 'postgres'),
  nats: join(dir, 'nats'),
  wordpress: join(dir, 'wordpress'),
});
