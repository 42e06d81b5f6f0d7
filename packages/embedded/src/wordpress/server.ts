import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, type Exit, startChild } from '../process/child.ts';
import { poll } from '../process/deadline.ts';
import { type Server, startServer } from '../process/server.ts';
import { installWordPress, type WordPressInstallation } from './install.ts';
import { playgroundArgs } from './playground.ts';
import { type Credentials, loadCredentials, writeSettings } from './settings.ts';
import { type PublishedPost, postSigned, publishPost, type SiteStatus, type StatusQuery, siteStatus } from './site.ts';

const PHP_VERSION = '8.3';
const BOOT_TIMEOUT_MS = 120_000;
const STOP_GRACE_MS = 5_000;
const CRON_INTERVAL_MS = 60_000;

/** `privateKeyPem` is RSA. */
export interface SiteConfig {
  siteId: string;
  issuer: string;
  audience?: string | undefined;
  kid: string;
  privateKeyPem: string;
  hmacSecret: string;
  hmacSecretPrevious?: string | undefined;
  /** Path included. */
  ingressUrl: string;
  /** The first retry's longest wait; default 30,000 ms. */
  retryBaseMs?: number | undefined;
}

/** Without `dataDir` the site is deleted on disposal. */
export interface WordPressOptions {
  cacheDir: string;
  dataDir?: string | undefined;
  port?: number | undefined;
  pluginDir: string;
  config: SiteConfig;
  onProgress?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** The interval of wp-cron.php requests, as from a host's crontab; default 60,000 ms, 0 for never. */
  cronIntervalMs?: number | undefined;
  /** Called for an exit without `stop`, `kill` or `restart`. */
  onUnexpectedExit?: ((exit: Exit) => void) | undefined;
}

export interface WordPress extends Server, Credentials {
  readonly callbackUrl: string;
  readonly statusUrl: string;
  readonly dispatchUrl: string;
  /** Through WordPress' REST API; the event is sent after WordPress has answered. */
  publishPost(post: { title: string; content: string }): Promise<PublishedPost>;
  /** An event and its results in the plugin; rejects on a wrong signature. */
  status(query: StatusQuery): Promise<SiteStatus>;
  /** The plugin sends its due events now, as at the backend's poke; `redrive` resets the tries of dead events. */
  dispatch(options?: { redrive?: boolean }): Promise<Record<string, unknown>>;
}

/** WordPress 6.5 on SQLite in Playground, installed when needed; rejects if it does not answer in time. */
export async function startWordPress(options: WordPressOptions): Promise<WordPress> {
  const { cacheDir, config, signal, onProgress = () => {}, cronIntervalMs = CRON_INTERVAL_MS } = options;
  const installation = await installWordPress({ cacheDir: resolve(cacheDir), onProgress, signal });
  await using stack = new AsyncDisposableStack();

  const dataDir = options.dataDir ? resolve(options.dataDir) : await mkdtemp(join(tmpdir(), 'pressferry-wordpress-'));
  if (!options.dataDir) stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  for (const name of ['database', 'uploads', 'mu-plugins']) await mkdir(join(dataDir, name), { recursive: true });
  const credentials = await loadCredentials(dataDir);
  await writeSettings(join(dataDir, 'mu-plugins'), config, credentials);

  const ready = join(dataDir, 'ready');
  onProgress((await isMissing(ready)) ? 'installing the site' : 'starting WordPress');
  const site = { installation, dataDir, pluginDir: resolve(options.pluginDir), ready, signal };
  const server = await startServer({
    port: options.port,
    url: (port) => `http://127.0.0.1:${port}`,
    launch: (port) => launch(port, site),
    onUnexpectedExit: options.onUnexpectedExit,
  });
  stack.use(server);
  if (cronIntervalMs > 0) stack.use(startCron(`${server.url}/wp-cron.php`, cronIntervalMs));
  onProgress(`WordPress is running on ${server.url}`);

  const rest = `${server.url}/wp-json/pressferry/v1`;
  const owned = stack.move();
  return {
    ...credentials,
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    callbackUrl: `${rest}/results`,
    statusUrl: `${rest}/status`,
    dispatchUrl: `${rest}/dispatch`,
    publishPost: (post) => publishPost(server.url, credentials, post),
    status: (query) => siteStatus(`${rest}/status`, config.hmacSecret, query),
    dispatch: async (fields = {}) =>
      (await postSigned(`${rest}/dispatch`, config.hmacSecret, { ...fields })) as Record<string, unknown>,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Site {
  installation: WordPressInstallation;
  dataDir: string;
  pluginDir: string;
  /** Exists once the site has been installed. */
  ready: string;
  signal: AbortSignal | undefined;
}

async function launch(port: number, { installation, dataDir, pluginDir, ready, signal }: Site): Promise<Child> {
  const content = '/wordpress/wp-content';
  const mounts = [
    { from: installation.wordpressDir, to: '/wordpress' },
    ...['database', 'uploads', 'mu-plugins'].map((name) => ({ from: join(dataDir, name), to: `${content}/${name}` })),
    { from: pluginDir, to: `${content}/plugins/pressferry` },
  ];
  const child = await startChild({
    command: process.execPath,
    args: [
      ...playgroundArgs(installation.cliPath, 'server', mounts),
      ...['--port', String(port), '--php', PHP_VERSION, '--workers', '1', '--verbosity', 'quiet'],
      // Checking for an installation costs 2.6 s of a 4 s start.
      '--wordpress-install-mode',
      (await isMissing(ready)) ? 'install-from-existing-files-if-needed' : 'do-not-attempt-installing',
      // Allows application passwords without TLS.
      ...['--define', 'WP_ENVIRONMENT_TYPE', 'local'],
    ],
    cwd: dataDir,
    env: { ...process.env, NODE_OPTIONS: '' },
    stopSignal: 'SIGTERM',
    graceMs: STOP_GRACE_MS,
  });
  try {
    await poll('WordPress to answer', () => answers(port, child, signal), { timeoutMs: BOOT_TIMEOUT_MS, everyMs: 50 });
    await writeFile(ready, '');
    return child;
  } catch (cause) {
    await child.kill();
    throw new Error(`WordPress did not start: ${child.recentLog()}`, { cause });
  }
}

async function answers(port: number, child: Child, signal: AbortSignal | undefined): Promise<true | undefined> {
  signal?.throwIfAborted();
  if (!child.running) throw new Error('Playground ended');
  try {
    const url = `http://127.0.0.1:${port}/wp-json/pressferry/v1`;
    const response = await fetch(url, { signal: AbortSignal.timeout(BOOT_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status === 200 ? true : undefined;
  } catch {
    return undefined;
  }
}

function startCron(url: string, everyMs: number): AsyncDisposable {
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await delay(everyMs, undefined, { signal: stop.signal }).catch(() => {});
      if (!stop.signal.aborted)
        await fetch(url, { signal: stop.signal }).then(
          (r) => r.arrayBuffer(),
          () => {},
        );
    }
  };
  const done = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

async function isMissing(path: string): Promise<boolean> {
  return access(path).then(
    () => false,
    () => true,
  );
}
