import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type Download, downloadNatsServer } from './download.ts';
import { checkNatsBinary, PINNED_NATS_VERSION } from './version.ts';

const run = promisify(execFile);

/** `env`, `home` and `download` are for tests. */
export interface ResolveOptions {
  /**
   * Default: the environment's NATS_SERVER_PATH. If the named file is unusable, that is an error and the search ends.
   */
  path?: string | undefined;
  cacheDir: string;
  onProgress?: ((what: string) => void) | undefined;
  downloadTimeoutMs?: number;
  buildTimeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  home?: string;
  download?: (download: Download) => Promise<void>;
}

/**
 * The path of a nats-server 2.12 or newer: named, installed, cached, downloaded or built, in this order; rejects with
 * all that was tried.
 */
export async function resolveNatsServer(options: ResolveOptions): Promise<string> {
  const { cacheDir, onProgress = () => {}, env = process.env, home = homedir() } = options;
  const tried: string[] = [];
  const usable = async (path: string) => {
    const check = await checkNatsBinary(path);
    if (check.kind === 'unusable') tried.push(`${path}: ${check.reason}`);
    return check.kind === 'usable';
  };

  const named = options.path ?? env.NATS_SERVER_PATH;
  if (named) {
    if (await usable(named)) return named;
    throw notFound(tried);
  }
  const cached = join(cacheDir, `nats-server-v${PINNED_NATS_VERSION}`, 'nats-server');
  for (const path of [...onPath(env), join(home, 'go', 'bin', 'nats-server'), cached]) {
    if (await usable(path)) return path;
  }

  const attempt = async (what: string, work: () => Promise<unknown>) => {
    onProgress(what);
    try {
      await work();
    } catch (error) {
      tried.push(`${what}: ${reasonOf(error)}`);
      return false;
    }
    return usable(cached);
  };
  const { download = downloadNatsServer, downloadTimeoutMs: timeoutMs = 120_000 } = options;
  const version = PINNED_NATS_VERSION;
  if (await attempt(`download nats-server v${version}`, () => download({ version, target: cached, timeoutMs })))
    return cached;
  if (await attempt(`go install nats-server v${version}`, () => goInstall(cached, env, options.buildTimeoutMs)))
    return cached;
  throw notFound(tried);
}

function onPath(env: NodeJS.ProcessEnv): string[] {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((dir) => join(dir, 'nats-server'));
}

/** Go checks downloads against its public checksum database. */
async function goInstall(target: string, env: NodeJS.ProcessEnv, timeoutMs = 600_000): Promise<void> {
  const binDir = join(target, '..');
  await mkdir(binDir, { recursive: true });
  const source = `github.com/nats-io/nats-server/v2@v${PINNED_NATS_VERSION}`;
  await run('go', ['install', source], { env: { ...env, GOBIN: binDir, CGO_ENABLED: '0' }, timeout: timeoutMs });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message.split('\n')[0]}${cause}`;
}

function notFound(tried: string[]): Error {
  const hint = 'Install nats-server 2.12 or newer, or name its path in NATS_SERVER_PATH.';
  return new Error(`no usable nats-server found. ${hint} Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}`);
}
