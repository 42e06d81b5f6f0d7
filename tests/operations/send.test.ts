import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import { loadSite, quietOptions } from '../e2e/stack.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');

let stack: Stack;
let site: StackSite;
let folder: string;
let credentials: string;
const resources = new AsyncDisposableStack();
before(async () => {
  const options = await quietOptions(resources);
  stack = resources.use(await startStack(options));
  site = loadSite(stack);
  folder = options.dataDir;
  credentials = join(folder, 'site.json');
  await writeFile(credentials, JSON.stringify(site), { mode: 0o600 });
});
after(() => resources.disposeAsync());

const environment = async () => {
  const { sealingKeys } = JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8')) as { sealingKeys: string };
  const { postgresUrl, natsUrl } = stack.file;
  return { PATH: process.env.PATH, DATABASE_URL: postgresUrl, NATS_URL: natsUrl, SEALING_KEYS: sealingKeys };
};

/** Runs `pressferry`; nothing but the named variables reaches it. */
async function pressferry(args: string[], env: Record<string, string | undefined> = { PATH: process.env.PATH }) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: `${stdout}${stderr}` };
  }
}

const send = (...args: string[]) =>
  pressferry(['send', '--url', stack.file.ingressUrl, '--results-url', stack.file.callbackUrl, ...args]);

/** `pressferry tail`, once it says that it watches. */
async function startTail(...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'tail', '--json', ...args], { env: await environment() });
  let lines = '';
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (lines += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await waitFor(() => /watching/.test(said), { what: `tail to watch: ${said}` });
  return {
    seen: () =>
      lines
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, string | null>),
    end: async () => {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      const [code] = await closed;
      return code as number;
    },
  };
}

test('an event sent as a site is accepted, and its result comes, by HTTP alone', async () => {
  const run = await send('--as', credentials, '--type', 'post.published', '--wait', '60s');
  assert.equal(run.code, 0, run.output);
  assert.match(run.output, /^202 accepted after \d+ ms\nrequest [0-9a-f-]{36}, key [0-9a-f-]{36}\n/);
  assert.match(run.output, /result [0-9a-f-]{36} of summarize-post after [\d.]+ s: succeeded\n\{/);
});

test('the same key again is a repeat, with the same request id; with something else in it, it is refused', async () => {
  const occurredAt = new Date().toISOString();
  const args = ['--as', credentials, '--type', 'post.published', '--key', randomUUID(), '--json'];
  const [first, second] = [
    await send(...args, '--occurred-at', occurredAt),
    await send(...args, '--occurred-at', occurredAt),
  ];
  const [one, two] = [first, second].map(({ output }) => JSON.parse(output) as Record<string, unknown>);
  assert.deepEqual([one?.duplicate, two?.duplicate], [false, true]);
  assert.equal(one?.request_id, two?.request_id);
  const other = await send(...args);
  assert.deepEqual([other.code, /idempotency_key_reused/.test(other.output)], [1, true], other.output);
});

test('a refusal ends with 1 and names its code; what cannot be sent says what is missing', async () => {
  const wrong = join(folder, 'wrong.json');
  await writeFile(wrong, JSON.stringify({ ...site, hmacSecret: 'another secret, of the right length' }));
  const refused = await send('--as', wrong, '--type', 'post.published');
  assert.deepEqual([refused.code, /401 signature_mismatch/.test(refused.output)], [1, true], refused.output);
  assert.doesNotMatch(refused.output, /another secret/);
  const unknown = await send('--as', credentials, '--type', 'post.removed');
  assert.deepEqual([unknown.code, /no sample of post\.removed.*--data/.test(unknown.output)], [1, true]);
  const bare = await send('--type', 'post.published');
  assert.deepEqual([bare.code, /sites make-test/.test(bare.output)], [1, true], bare.output);
  const away = await pressferry([
    'send',
    '--url',
    'http://127.0.0.1:1',
    '--as',
    credentials,
    '--type',
    'post.published',
  ]);
  assert.deepEqual([away.code, /unreachable.*does not answer/.test(away.output)], [1, true], away.output);
});

test('an event without an automation ends with 1, and with the command that tells why', async () => {
  const data = join(folder, 'data.json');
  await writeFile(data, JSON.stringify(stack.file.samples['user.registered']));
  const run = await send('--as', credentials, '--type', 'user.registered', '--data', data, '--wait', '1s');
  assert.equal(run.code, 1);
  assert.match(run.output, /202 accepted[\s\S]*no result within 1 s.*does an automation run.*pressferry events show/);
});

test('a site made for tests sends, ends by itself, and never takes the place of another site', async () => {
  const env = await environment();
  const file = join(folder, 'made.json');
  const make = (...args: string[]) => pressferry(['sites', 'make-test', ...args], env);
  const made = await make('--out', file);
  assert.equal(made.code, 0, made.output);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const first = await readFile(file, 'utf8');
  const sent = await send('--as', file, '--wait', '60s');
  assert.deepEqual([sent.code, /of pressferry\.test/.test(sent.output)], [0, true], sent.output);
  const ends = await stack.db
    .selectFrom('site_keys')
    .select('expires_at')
    .where('site_id', '=', 'pressferry-test')
    .execute();
  assert.ok(ends.every(({ expires_at }) => expires_at !== null && expires_at.getTime() < Date.now() + 3_700_000));

  assert.equal((await make('--out', file)).code, 0);
  const before_ = join(folder, 'before.json');
  await writeFile(before_, first);
  const ended = await send('--as', before_, '--type', 'post.published');
  assert.deepEqual([ended.code, /401/.test(ended.output)], [1, true], ended.output);

  const taken = await make(site.siteId, '--out', file);
  assert.deepEqual([taken.code, /not one for tests/.test(taken.output)], [1, true], taken.output);
});

test('tail shows what passes of a site and a type, without its content', async () => {
  const all = await startTail();
  const others = await startTail('--site', 'unknown');
  const posts = await startTail('--type', 'post.published');
  const data = join(folder, 'registered.json');
  await writeFile(data, JSON.stringify(stack.file.samples['user.registered']));
  await send('--as', credentials, '--type', 'user.registered', '--data', data, '--object', 'ada@example.com');
  const sent = await send('--as', credentials, '--type', 'post.published', '--wait', '60s', '--json');
  const { request_id } = JSON.parse(sent.output) as { request_id: string };
  const ofPost = (tail: typeof all) => tail.seen().filter((line) => line.request_id === request_id);
  for (const tail of [all, posts]) await waitFor(() => ofPost(tail).length >= 2, { what: 'the event and its result' });
  assert.deepEqual(
    ofPost(all).map(({ what, event_type, site_id }) => [what, event_type, site_id]),
    [
      ['event', 'post.published', site.siteId],
      ['result', 'post.published', site.siteId],
    ],
  );
  assert.deepEqual(new Set(posts.seen().map((line) => line.event_type)), new Set(['post.published']));
  assert.ok(all.seen().some((line) => line.event_type === 'user.registered'));
  assert.doesNotMatch(JSON.stringify(all.seen()), /@/);
  assert.deepEqual(others.seen(), []);
  for (const tail of [all, others, posts]) assert.equal(await tail.end(), 0);
});
