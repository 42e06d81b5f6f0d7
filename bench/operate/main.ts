// Measures the commands that a person waits for, on a database with a million runs: `node bench/operate/main.ts [--rows 1000000]`.
import { execFile } from 'node:child_process';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { findRequestIds, readStories } from '@pressferry/admin';
import { createReporter, type Stack, startStack } from '@pressferry/devstack';
import { PINNED_NATS_VERSION } from '@pressferry/embedded';
import { readCommandLine } from '@pressferry/runtime';
import { signedRequest, waitFor } from '@pressferry/testing';
import { positive } from '../ingress/options.ts';
import { describeMachine } from '../ingress/report/results.ts';
import { openMeter } from '../pipeline/measure/postgres.ts';
import { multiplyRows } from '../pipeline/scenarios/fill.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');
const RESULTS = join(import.meta.dirname, '../results/operate.json');
const TEMPLATES = 200;
const TIMES = 7;
const QUERIES = 15;
/** What `events show` promises. */
const LIMIT_MS = 200;

const USAGE = `usage: node bench/operate/main.ts [options]
  --rows N    runs in the database (1000000)`;
const rows = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({ args, options: { rows: { type: 'string', default: '1000000' } } });
  return positive(values.rows, '--rows');
});

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
await multiplyRows(meter, { rows, say: () => undefined });
console.log(`${rows} runs, filled in ${Math.round((performance.now() - begunMs) / 1000)} s`);

// Of a copy, somewhere in the middle of the tables.
const [sample] = await meter.query(
  `select e.request_id, e.idempotency_key, e.object_ref, e.site_id, r.run_id, s.result_id from events e
   join runs r using (request_id) join results s using (run_id) where e.request_id = md5('${ids[0]}:${Math.ceil(rows / TEMPLATES / 2)}')::uuid`,
);
if (sample === undefined) throw new Error('no copy was found');
const of = (name: string): string => String(sample[name]);
// A copy's request id does not follow from its key.
const [original] = await meter.query(`select idempotency_key from events where request_id = '${ids[0]}'`);
const base = await fastest(['--version']);
const questions: Record<string, [text: string, site?: string]> = {
  'request id': [of('request_id')],
  'run id': [of('run_id')],
  'result id': [of('result_id')],
  'idempotency key': [String(original?.idempotency_key)],
  'object of a site': [of('object_ref'), of('site_id')],
  'unknown id': [randomUUID()],
};
await meter.query('checkpoint');
const measured = [];
for (const [name, [text, site]] of Object.entries(questions)) {
  const times: number[] = [];
  for (let time = 0; time < QUERIES; time++) {
    const startMs = performance.now();
    await readStories(stack.db, await findRequestIds(stack.db, text, site));
    times.push(performance.now() - startMs);
  }
  const ms = Math.round(times.toSorted((a, b) => a - b)[Math.floor(QUERIES / 2)] ?? 0);
  const wholeMs = await fastest(['events', 'show', text, ...(site === undefined ? [] : ['--site', site])]);
  console.log(
    `events show <${name}>`.padEnd(34) +
      `${String(ms).padStart(6)} ms, ${ms <= LIMIT_MS ? 'within' : 'OVER'} ${LIMIT_MS} ms; the command with the start of Node ${wholeMs} ms`,
  );
  measured.push({ name: `events show ${name}`, ms, wholeMs });
}
for (const args of [
  ['events', 'list'],
  ['events', 'list', '--site', of('site_id')],
  ['runs', 'list'],
  ['runs', 'list', '--status', 'failed'],
]) {
  const wholeMs = await fastest(args);
  console.log(`${args.slice(0, 3).join(' ')}`.padEnd(34) + `the command with the start of Node ${wholeMs} ms`);
  measured.push({ name: args.slice(0, 3).join(' '), wholeMs });
}
console.log(`the start of Node and the command alone: ${base} ms`);
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

/** The whole command, as a shell starts it, whether it finds something or not; the fastest of some, because others use the machine. */
async function fastest(args: string[]): Promise<number> {
  const env = { ...process.env, DATABASE_URL: stack.file.postgresUrl };
  const times: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    const startMs = performance.now();
    await promisify(execFile)(process.execPath, [MAIN, ...args], { env }).catch((error: { code: unknown }) => {
      // 1: there is no such event.
      if (error.code !== 1) throw error;
    });
    times.push(performance.now() - startMs);
  }
  return Math.round(Math.min(...times));
}
