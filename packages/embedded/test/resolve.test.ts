import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { downloadNatsServer } from '../src/nats/download.ts';
import { resolveNatsServer } from '../src/nats/resolve.ts';

const run = promisify(execFile);

describe('finding a nats-server', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pressferry-resolve-'));
  });
  after(() => rm(folder, { recursive: true }));

  const fakeServer = async (path: string, version: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
    await chmod(path, 0o755);
    return path;
  };
  const nowhere = (name: string) => ({ cacheDir: join(folder, name), home: join(folder, 'nobody'), env: { PATH: '' } });
  const offline = async () => {
    throw new Error('offline');
  };

  test('a named server comes first, and one that is unusable is an error, not a reason to take another', async () => {
    const good = await fakeServer(join(folder, 'good', 'nats-server'), '2.15.2');
    const old = await fakeServer(join(folder, 'old', 'nats-server'), '2.10.1');
    const env = { PATH: dirname(good) };
    assert.equal(await resolveNatsServer({ ...nowhere('a'), path: good }), good);
    await assert.rejects(
      resolveNatsServer({ ...nowhere('a'), env: { ...env, NATS_SERVER_PATH: old } }),
      /version 2\.10\.1/,
    );
  });

  test('an old server on the PATH is passed over for a newer one further on', async () => {
    const old = await fakeServer(join(folder, 'old', 'nats-server'), '2.10.1');
    const newer = await fakeServer(join(folder, 'newer', 'nats-server'), '2.12.4');
    const env = { PATH: `${dirname(old)}:${dirname(newer)}` };
    assert.equal(await resolveNatsServer({ ...nowhere('b'), env }), newer);
  });

  test('nothing found is downloaded once and taken from the cache afterwards', async () => {
    const progress: string[] = [];
    const download = async ({ target }: { target: string }) => void (await fakeServer(target, '2.15.2'));
    const options = { ...nowhere('c'), onProgress: (what: string) => void progress.push(what) };
    const first = await resolveNatsServer({ ...options, download });
    const second = await resolveNatsServer({ ...options, download: offline });
    assert.equal(first, second);
    assert.deepEqual(progress, ['download nats-server v2.15.2']);
  });

  test('when all fails, the error lists all that was tried and what to do', async () => {
    const failing = resolveNatsServer({ ...nowhere('d'), download: offline });
    await assert.rejects(failing, (error: Error) => {
      for (const part of ['NATS_SERVER_PATH', 'no such file', 'offline', 'go install'])
        assert.match(error.message, new RegExp(part));
      return true;
    });
  });
});

describe('downloading a nats-server', () => {
  const name = 'nats-server-v2.15.2-linux-amd64';
  let folder: string;
  let archive: Buffer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pressferry-download-'));
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'nats-server'), '#!/bin/sh\necho nats\n', { mode: 0o755 });
    await run('tar', ['-czf', 'archive.tar.gz', name], { cwd: folder });
    archive = await readFile(join(folder, 'archive.tar.gz'));
  });
  after(() => rm(folder, { recursive: true }));

  const sumOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const download = async (sums: string | undefined, more: { arch?: string; timeoutMs?: number } = {}) => {
    const server = createServer((request, response) => {
      if (request.url === '/v2.15.2/SHA256SUMS') return sums === undefined ? undefined : response.end(sums);
      return request.url === `/v2.15.2/${name}.tar.gz` ? response.end(archive) : response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const target = join(await mkdtemp(join(folder, 'target-')), 'bin', 'nats-server');
    const releasesUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await downloadNatsServer({
        version: '2.15.2',
        target,
        timeoutMs: 5_000,
        platform: 'linux',
        arch: 'x64',
        releasesUrl,
        ...more,
      });
      return target;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  test('an archive with the hash that its release states is unpacked, executable', async () => {
    const target = await download(`${'0'.repeat(64)}  other.tar.gz\n${sumOf(archive)}  ${name}.tar.gz\n`);
    assert.equal((await run(target)).stdout, 'nats\n');
    assert.deepEqual(await readdir(dirname(target)), ['nats-server']);
  });

  test('an archive with another hash is refused', async () => {
    await assert.rejects(download(`${'0'.repeat(64)}  ${name}.tar.gz\n`), /has SHA-256 .* its release says 0000/);
  });

  test('an archive that the release does not list is refused', async () => {
    await assert.rejects(download('no hash here\n'), /does not list/);
  });

  test('a host that never answers is given up in time', async () => {
    await assert.rejects(download(undefined, { timeoutMs: 100 }), { name: 'TimeoutError' });
  });

  test('a platform without an archive is refused by name', async () => {
    await assert.rejects(download('', { arch: 'riscv64' }), /no release archive is known for linux riscv64/);
  });
});
