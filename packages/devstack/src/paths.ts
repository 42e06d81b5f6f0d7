import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository, whatever the current folder. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export const DEFAULT_DATA_DIR = join(ROOT, '.pressferry');

/** Shared by all data directories and the tests. */
export const CACHE_DIR = join(DEFAULT_DATA_DIR, 'cache');

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
