import { spawn } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { unzipSync } from 'fflate';
import { withLock } from './lock.ts';

const CLI_VERSION = '3.1.56';
const BUILDS_VERSION = '0.9.19';
const WORDPRESS_VERSION = '6.5';
// Another value recreates the folder.
const STAMP = `cli ${CLI_VERSION}, builds ${BUILDS_VERSION}, wordpress ${WORDPRESS_VERSION}, layout 2`;
// Unused PHP versions: a third of the download.
const UNUSED_PHP = ['5-2', '8-0', '8-1', '8-2', '8-4'];
const NPM_TIMEOUT_MS = 600_000;

export interface WordPressInstallation {
  /** To be run by Node 24 or newer. */
  readonly cliPath: string;
  /** Shared by every site of this cache; sites keep their data elsewhere. */
  readonly wordpressDir: string;
}

export interface InstallOptions {
  cacheDir: string;
  onProgress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Installs Playground and WordPress into `<cacheDir>/playground` unless they exist; takes about a minute. Several
 * processes may call it. Rejects if npm fails or the signal aborts; a half-finished installation is never used.
 */
export async function installWordPress(options: InstallOptions): Promise<WordPressInstallation> {
  const dir = join(options.cacheDir, 'playground');
  if (!(await isComplete(dir))) {
    await mkdir(options.cacheDir, { recursive: true });
    await withLock(`${dir}.lock`, { timeoutMs: NPM_TIMEOUT_MS, signal: options.signal }, async () => {
      if (!(await isComplete(dir))) await install(dir, options);
    });
  }
  return {
    cliPath: join(dir, 'node_modules/@wp-playground/cli/wp-playground.js'),
    wordpressDir: join(dir, 'wordpress'),
  };
}

async function isComplete(dir: string): Promise<boolean> {
  return (await readFile(join(dir, 'installed'), 'utf8').catch(() => '')) === STAMP;
}

async function install(dir: string, { onProgress, signal }: InstallOptions): Promise<void> {
  const workDir = await mkdtemp(`${dir}.tmp-`);
  try {
    onProgress(`installing WordPress Playground ${CLI_VERSION} with npm (once, several hundred MB on disk)`);
    await mkdir(join(workDir, 'unused'));
    await writeFile(join(workDir, 'unused/package.json'), JSON.stringify({ name: 'unused', version: '0.0.0' }));
    await writeFile(join(workDir, 'package.json'), packageJson());
    await npmInstall(workDir, onProgress, signal);
    onProgress(`unpacking WordPress ${WORDPRESS_VERSION}`);
    await unpackWordPress(workDir);
    await rm(join(workDir, 'node_modules/@wp-playground/wordpress-builds'), { recursive: true, force: true });
    await writeFile(join(workDir, 'installed'), STAMP);
    // Renamed at the end, so an interrupted installation is never used.
    await rm(dir, { recursive: true, force: true });
    await rename(workDir, dir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

function packageJson(): string {
  const dependencies = { '@wp-playground/cli': CLI_VERSION, '@wp-playground/wordpress-builds': BUILDS_VERSION };
  const overrides = Object.fromEntries(UNUSED_PHP.map((version) => [`@php-wasm/node-${version}`, 'file:./unused']));
  return JSON.stringify({ private: true, dependencies, overrides });
}

function npmInstall(cwd: string, onProgress: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund', '--no-progress', '--ignore-scripts', '--no-package-lock'];
  const npm = spawn('npm', args, {
    cwd,
    // npm under our own node, whatever else is first in PATH.
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: NPM_TIMEOUT_MS,
    ...(signal ? { signal } : {}),
  });
  const recent: string[] = [];
  for (const stream of [npm.stdout, npm.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      recent.push(line);
      if (line !== '' && !line.startsWith('npm ')) onProgress(line);
    });
  }
  return new Promise((resolve, reject) => {
    npm.once('error', (cause) => reject(new Error('cannot run npm', { cause })));
    npm.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`npm install of Playground ended with ${code}:\n${recent.slice(-20).join('\n')}`));
    });
  });
}

async function unpackWordPress(workDir: string): Promise<void> {
  const builds = join(workDir, 'node_modules/@wp-playground/wordpress-builds');
  const target = join(workDir, 'wordpress');
  const files = unzipSync(await readFile(join(builds, `src/wordpress/wp-${WORDPRESS_VERSION}.zip`)));
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(target, name);
    if (name.endsWith('/')) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  // The archive lacks what a browser needs (styles, scripts, images); it is next to it.
  await cp(join(builds, `public/wp-${WORDPRESS_VERSION}`), target, { recursive: true, force: false });
  // Mount points for a site's own data.
  for (const mount of ['database', 'uploads', 'mu-plugins', 'plugins/pressferry']) {
    await mkdir(join(target, 'wp-content', mount), { recursive: true });
  }
  await access(join(target, 'wp-load.php'));
}
