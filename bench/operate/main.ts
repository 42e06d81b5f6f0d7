// Measures the commands that a person waits for, on a database with a million runs: `node bench/operate/main.ts [--rows 1000000]`.
import { execFile } from 'node:child_process';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createReporter, type Stack, startStack } from '@pressferry/cli';
import { PINNED_NATS_VERSION } from '@pressferry/embedded';
import { signedRequest, waitFor } from '@pressferry/testing';
import { describeMachine } from '../ingress/report/results.ts';
import { openMeter } from '../pipeline/measure/postgres.ts';
import { multiplyRows } from '../pipeline/scenarios/fill.ts';

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts');
const RESULTS = join(import.meta.dirname, '../results/operate.json');
const TEMPLATES = 200;
const TIMES = 7;
/** What `events show` promises. */
const LIMIT_MS = 200;

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } });
const rows = Number(values.rows);

await using resources = new AsyncDisposableStack();
const parent = await mkdtemp(join(tmpdir(), 'pressferry-operate-'));
await chmod(parent, 0o711);
resources.defer(() => rm(parent, { recursive: true, force: true, maxRetries: 3 }));
const stack = resources.use(
  await startStack({
    dataDir: join(parent, 'data'),
    env: process.env,
    reporter: createReporter({ write: () => undefined }),
    signal: new AbortController().signal,
    fail: (error) => console.error(error.message),
  }),
);
const ids = await sendTemplates(stack);
const meter = resources.use(await openMeter(stack.file.postgresUrl));
const begunMs = performance.now();
await multiplyRows(meter, rows, () => undefined);
console.log(`${rows} runs, filled in ${Math.round((performance.now() - begunMs) / 1000)} s`);

// Of a copy, somewhere in the middle of the tables.
const [sample] = await meter.query(
  `select e.request_id, e.idempotency_key, e.object_ref, e.site_id, r.run_id, s.result_id from events e
   join runs r using (request_id) join results s using (run_id) where e.request_id = md5('${ids[0]}:${Math.ceil(rows / TEMPLATES / 2)}')::uuid`,
);
if (sample === undefined) throw new Error('no copy was found');
const of = (name: string): string => String(sample[name]);
const base = await median(['--version']);
const commands: Record<string, string[]> = {
  'events show <request id>': ['events', 'show', of('request_id')],
  'events show <run id>': ['events', 'show', of('run_id')],
  'events show <result id>': ['events', 'show', of('result_id')],
  'events show <idempotency key>': ['events', 'show', of('idempotency_key')],
  'events show <original key>': ['events', 'show', await keyOf(ids[0] ?? '')],
  'events show <object> --site': ['events', 'show', of('object_ref'), '--site', of('site_id')],
  'events show <unknown>': ['events', 'show', randomUUID()],
  'events list': ['events', 'list'],
  'events list --site': ['events', 'list', '--site', of('site_id')],
  'runs list': ['runs', 'list'],
  'runs list --status failed': ['runs', 'list', '--status', 'failed'],
};
const measured = [];
for (const [name, args] of Object.entries(commands)) {
  const wholeMs = await median(args);
  const ms = Math.max(0, wholeMs - base);
  const limit = name.startsWith('events show') ? (ms <= LIMIT_MS ? 'within 200 ms' : 'OVER 200 ms') : '';
  console.log(`${name.padEnd(32)} ${String(ms).padStart(6)} ms  (with the start of Node: ${wholeMs} ms)  ${limit}`);
  measured.push({ name, ms, wholeMs });
}
await mkdir(join(RESULTS, '..'), { recursive: true });
const machine = describeMachine(PINNED_NATS_VERSION);
await writeFile(RESULTS, `${JSON.stringify({ rows, machine, startOfNodeMs: base, measured }, null, 2)}\n`);

async function sendTemplates({ file, db }: Stack): Promise<string[]> {
  const site = file.sites[1];
  if (site === undefined) throw new Error('stack.json names no second site');
  const privateKey = createPrivateKey(await readFile(site.privateKeyFile, 'utf8'));
  const sent: string[] = [];
  for (let number = 0; number < TEMPLATES; number++) {
    const event = { event_type: 'post.published', object_ref: `post-${number}`, data: file.samples['post.published'] };
    const request = signedRequest({ ...site, alg: 'RS256', privateKey }, { event });
    const response = await fetch(`${file.ingressUrl}/ingest`, request);
    if (response.status !== 202) throw new Error(`ingress answered ${response.status}: ${await response.text()}`);
    sent.push(((await response.json()) as { request_id: string }).request_id);
  }
  const count = async (): Promise<boolean> => {
    const { results } = await db
      .selectFrom('results')
      .select((build) => build.fn.countAll<string>().as('results'))
      .executeTakeFirstOrThrow();
    return Number(results) >= TEMPLATES;
  };
  await waitFor(count, { what: 'the results of the templates', timeoutMs: 120_000 });
  return sent;
}

async function keyOf(requestId: string): Promise<string> {
  const [row] = await meter.query(`select idempotency_key from events where request_id = '${requestId}'`);
  return String(row?.idempotency_key);
}

/** The whole command, as a shell starts it; whether it finds something or not. */
async function median(args: string[]): Promise<number> {
  const env = { ...process.env, DATABASE_URL: stack.file.postgresUrl };
  const times: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    const startMs = performance.now();
    await promisify(execFile)(process.execPath, [MAIN, ...args], { env }).catch(() => undefined);
    times.push(performance.now() - startMs);
  }
  return Math.round(times.toSorted((a, b) => a - b)[Math.floor(TIMES / 2)] ?? 0);
}
