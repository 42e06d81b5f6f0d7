// A large fleet on its own stack (Linux): 500 sites by one command, then ingress started with 5,000. `node bench/fleet/main.ts [--sites 5000]`
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createReporter, startStack } from '@pressferry/devstack';
import { readCommandLine } from '@pressferry/runtime';
import { waitFor } from '@pressferry/testing';
import { positive } from '../ingress/options.ts';

const USAGE = `usage: node bench/fleet/main.ts [options]
  --sites N    sites that ingress starts with (5000)`;
const sites = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({ args, options: { sites: { type: 'string', default: '5000' } } });
  return positive(values.sites, '--sites');
});
const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');
/** Of the first command. */
const ADDED = Math.min(500, sites);
const STARTS = 5;
/** The promises, in s. */
const LIMITS = { added: 30, ready: 3 };

await using resources = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), 'pressferry-fleet-'));
// Postgres runs as another user there.
await chmod(folder, 0o711);
resources.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
const { PATH, HOME, NATS_SERVER_PATH, NODE_COMPILE_CACHE } = process.env;
const stack = resources.use(
  await startStack({
    dataDir: join(folder, 'data'),
    env: { PATH, HOME, NATS_SERVER_PATH, NODE_COMPILE_CACHE },
    reporter: createReporter({ write: () => undefined }),
    signal: new AbortController().signal,
    fail: (error) => console.error(error.message),
  }),
);
const ingress = stack.processes.get('ingress');
if (ingress === undefined) throw new Error('the stack has no ingress');

const addedSeconds = await importSites(0, ADDED);
say(`${ADDED} sites added by one command`, addedSeconds, LIMITS.added);
const restSeconds = await importSites(ADDED, sites);
console.log(`${sites - ADDED} more: ${restSeconds.toFixed(1)} s`);
const times: number[] = [];
const processor: number[] = [];
for (let start = 0; start < STARTS; start++) {
  await ingress.stop();
  const begunMs = performance.now();
  // Resolves once it lives.
  await ingress.restart();
  const isReady = async () => (await fetch(`${stack.file.opsUrls.ingress}/readyz`)).ok;
  await waitFor(isReady, { what: 'ingress to be ready', timeoutMs: 60_000, everyMs: 10 });
  times.push((performance.now() - begunMs) / 1_000);
  processor.push(await processorSeconds(ingress.pid));
}
const { held, faulty } = await readSites();
if (held < sites || faulty > 0) throw new Error(`ingress holds ${held} sites, ${faulty} of them faulty`);
say(`ingress ready with ${held} sites, fastest of ${STARTS} starts`, Math.min(...times), LIMITS.ready);
const busy = Math.min(...processor).toFixed(1);
console.log(
  `slowest ${Math.max(...times).toFixed(1)} s; ${busy} s of processor; ${await residentMiB(ingress.pid)} MiB`,
);

/** Registers sites `from` to `to` by the command of operators; in s, its start included. */
async function importSites(from: number, to: number): Promise<number> {
  if (to <= from) return 0;
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const public_key = publicKey.export({ type: 'spki', format: 'pem' });
  const lines = Array.from({ length: to - from }, (_, at) => {
    const site_id = `fleet-${from + at}`;
    const secret = randomBytes(32).toString('base64url');
    return JSON.stringify({ site_id, issuer: `https://${site_id}.example`, kid: 'k1', public_key, secret });
  });
  const file = join(folder, `${to}.ndjson`);
  await writeFile(file, lines.join('\n'));
  const env = {
    ...{ PATH, NODE_COMPILE_CACHE, SEALING_KEYS: stack.secrets.sealingKeys },
    ...{ DATABASE_URL: stack.file.postgresUrl, NATS_URL: stack.file.natsUrl },
  };
  const begunMs = performance.now();
  await promisify(execFile)(process.execPath, [MAIN, 'sites', 'import', file], { env });
  return (performance.now() - begunMs) / 1_000;
}

async function readSites() {
  const text = await (await fetch(`${stack.file.opsUrls.ingress}/metrics`)).text();
  const read = (name: string): number => Number(new RegExp(`^pressferry_ingress_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  return { held: read('sites'), faulty: read('faulty_sites') };
}

/** Of the process, since its start; the kernel counts hundredths. */
async function processorSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function residentMiB(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /VmRSS:\s+(\d+)/.exec(status)?.[1];
  return kilobytes === undefined ? '?' : (Number(kilobytes) / 1_024).toFixed(0);
}

function say(what: string, seconds: number, limit: number): void {
  console.log(`${what}: ${seconds.toFixed(1)} s, ${seconds <= limit ? 'within' : 'OVER'} ${limit} s`);
  if (seconds > limit) process.exitCode = 1;
}
