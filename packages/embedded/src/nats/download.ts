import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;

/** `fetch` and `releasesUrl` are for tests. */
export interface Download {
  version: string;
  target: string;
  timeoutMs: number;
  platform?: string;
  arch?: string;
  fetch?: typeof fetch;
  releasesUrl?: string;
}

/**
 * Downloads the release archive, checks it against the release's SHA256SUMS, and puts the server at `target`. Rejects
 * without an archive for the platform, on a timeout, or on a wrong hash.
 * The hashes are not pinned, because no second source could verify them: the check rests on TLS to the release host.
 */
export async function downloadNatsServer(download: Download): Promise<void> {
  const { version, target, timeoutMs } = download;
  const name = `nats-server-v${version}-${releasePlatform(download.platform ?? process.platform, download.arch ?? process.arch)}`;
  const base = `${download.releasesUrl ?? RELEASES}/v${version}`;
  const get = getter(download.fetch ?? fetch, AbortSignal.timeout(timeoutMs));

  const expected = hashOf(`${name}.tar.gz`, (await get(`${base}/SHA256SUMS`)).toString('utf8'));
  const archive = await get(`${base}/${name}.tar.gz`);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== expected) throw new Error(`${name}.tar.gz has SHA-256 ${actual}, its release says ${expected}`);

  await mkdir(dirname(target), { recursive: true });
  const workDir = await mkdtemp(join(dirname(target), '.download-'));
  try {
    await writeFile(join(workDir, 'archive.tar.gz'), archive);
    await run('tar', ['-xzf', 'archive.tar.gz', '--strip-components=1', `${name}/nats-server`], {
      cwd: workDir,
      timeout: timeoutMs,
    });
    // Renamed at the end, so an interrupted download leaves no half server.
    await rename(join(workDir, 'nats-server'), target);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

function releasePlatform(platform: string, arch: string): string {
  const releaseArch = { x64: 'amd64', arm64: 'arm64' }[arch];
  if (!releaseArch || !['linux', 'darwin'].includes(platform))
    throw new Error(`no release archive is known for ${platform} ${arch}`);
  return `${platform}-${releaseArch}`;
}

function hashOf(file: string, sums: string): string {
  for (const line of sums.split('\n')) {
    const [hash, name] = line.trim().split(/\s+\*?/);
    if (name === file && hash && /^[0-9a-f]{64}$/.test(hash)) return hash;
  }
  throw new Error(`the release's SHA256SUMS does not list ${file}`);
}

function getter(fetch_: typeof fetch, signal: AbortSignal): (url: string) => Promise<Buffer> {
  return async (url) => {
    const response = await fetch_(url, { signal });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    const declaredBytes = Number(response.headers.get('content-length') ?? 0);
    if (declaredBytes > MAX_ARCHIVE_BYTES) throw new Error(`${url} is larger than ${MAX_ARCHIVE_BYTES} bytes`);
    return Buffer.from(await response.arrayBuffer());
  };
}
