import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { type CommandRun, signedRequest, temporaryDataDir, waitFor } from '@pressferry/testing';
import type { StackFile } from '../src/index.ts';
import { descendants, isAlive, pressferry } from './command.ts';

const STARTED = { what: 'the stack to be up', timeoutMs: 90_000, everyMs: 50 };

let folder: Awaited<ReturnType<typeof temporaryDataDir>>;
let running: CommandRun | undefined;
before(async () => {
  folder = await temporaryDataDir();
});
after(async () => {
  running?.kill('SIGTERM');
  await running?.exited;
  await folder[Symbol.asyncDispose]();
});

const stackFile = () => join(folder.path, 'stack.json');
const readStack = async () => JSON.parse(await readFile(stackFile(), 'utf8')) as StackFile;

async function up(...args: string[]): Promise<StackFile> {
  const run = pressferry(['up', '--data-dir', folder.path, ...args]);
  running = run;
  let ended = false;
  run.exited.then(() => (ended = true));
  await waitFor(() => ended || run.output().includes('Pressferry is up'), STARTED);
  assert.ok(!ended, run.output());
  return readStack();
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  assert.ok(running);
  const children = [...descendants(running.pid).keys()];
  assert.ok(children.length >= 6, 'Postgres, NATS, vendors and three services at least');
  running.kill(signal);
  assert.equal(await running.exited, 0, running.output());
  running = undefined;
  await waitFor(() => !children.some(isAlive), { what: 'every process to be gone' });
}

async function send(stack: StackFile, event: Record<string, unknown> = {}, ingressUrl = stack.ingressUrl) {
  const site = stack.sites[0];
  assert.ok(site);
  const privateKey = createPrivateKey(await readFile(site.privateKeyFile, 'utf8'));
  const request = signedRequest({ ...site, alg: 'RS256', privateKey }, { event });
  const response = await fetch(`${ingressUrl}/ingest`, request);
  return { status: response.status, body: (await response.json()) as { request_id: string; duplicate: boolean } };
}

/** The services are started in their own folders, the vendors by a whole path. */
const isService = ([, args]: [number, string]): boolean => args.endsWith(' src/main.ts');

const key = randomUUID();
const occurred_at = new Date().toISOString();
let first: StackFile;

test('up starts every service and describes them in a stack.json that only its owner can read', async () => {
  first = await up('--replicas', 'ingress=2');
  assert.equal((await stat(stackFile())).mode & 0o777, 0o600);
  assert.deepEqual(Object.keys(first).sort(), [
    ...[
      'callbackUrl',
      'ingressUrl',
      'ingressUrls',
      'natsUrl',
      'opsUrls',
      'postgresUrl',
      'samples',
      'sites',
      'vendorUrl',
    ],
  ]);
  assert.deepEqual(Object.keys(first.opsUrls).sort(), ['callback', 'enricher', 'ingress', 'ingress-2']);
  for (const url of Object.values(first.opsUrls)) assert.equal((await fetch(`${url}/readyz`)).status, 200, url);
  assert.equal(first.ingressUrls.length, 2);
  assert.equal(first.ingressUrls[0], first.ingressUrl);
  assert.deepEqual(
    first.sites.map(({ siteId, audience, callbackUrl }) => ({ siteId, audience, callbackUrl })),
    [
      { siteId: 'demo', audience: 'pressferry', callbackUrl: null },
      { siteId: 'load', audience: 'pressferry', callbackUrl: null },
    ],
  );
  for (const { privateKeyFile } of first.sites) assert.equal((await stat(privateKeyFile)).mode & 0o777, 0o600);
  assert.ok(first.samples['post.published'] && first.samples['order.paid']);
});

test('every replica of ingress accepts an event signed with what stack.json holds', async () => {
  const sent = await send(first, { idempotency_key: key, occurred_at });
  assert.deepEqual([sent.status, sent.body.duplicate], [202, false]);
  const repeated = await send(first, { idempotency_key: key, occurred_at }, first.ingressUrls[1]);
  assert.deepEqual([repeated.status, repeated.body.duplicate], [202, true]);
});

test('NATS lets no one in without the token of stack.json', async () => {
  const { hostname, port, username } = new URL(first.natsUrl);
  assert.ok(username.length >= 32);
  await assert.rejects(connect({ servers: `${hostname}:${port}` }), /authorization/i);
  const allowed = await connect({ servers: `${hostname}:${port}`, token: username });
  await allowed.close();
});

test('no secret is printed', () => {
  const output = running?.output() ?? '';
  for (const { hmacSecret } of first.sites) assert.ok(!output.includes(hmacSecret));
  const { password } = new URL(first.postgresUrl);
  assert.ok(password.length > 10 && !output.includes(password));
  assert.ok(!output.includes(new URL(first.natsUrl).username));
});

test('a second up and a clean are refused while the stack runs, and change nothing', async () => {
  for (const command of ['up', 'clean']) {
    const run = pressferry([command, '--data-dir', folder.path]);
    assert.equal(await run.exited, 1, run.output());
    assert.match(run.output(), /is in use by process \d+: stop that stack first/);
  }
  assert.deepEqual(await readStack(), first);
});

test('a service that is killed is started again on the same address', async () => {
  assert.ok(running);
  const before = [...descendants(running.pid)].filter(isService).map(([pid]) => pid);
  assert.equal(before.length, 4);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await waitFor(async () => (await send(first)).status === 202, { what: 'ingress to accept again' });
  for (const url of Object.values(first.opsUrls)) {
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: url });
  }
  assert.match(running.output(), /ingress ended with signal SIGKILL; starting it again/);
});

test('Ctrl-C stops everything, removes stack.json and leaves no process', async () => {
  await stop('SIGINT');
  assert.ok(!existsSync(stackFile()));
});

test('a second start uses the same data: addresses, sites, keys, secrets and accepted events', async () => {
  const second = await up();
  const { ingressUrls: _before, opsUrls: _opsBefore, ...before } = first;
  const { ingressUrls: _after, opsUrls: _opsAfter, ...after } = second;
  assert.deepEqual(after, before);
  const repeated = await send(second, { idempotency_key: key, occurred_at });
  assert.deepEqual([repeated.status, repeated.body.duplicate], [202, true]);
});

test('a second Ctrl-C ends everything at once, whatever hangs', async () => {
  const run = running;
  assert.ok(run);
  const services = [...descendants(run.pid)].filter(isService).map(([pid]) => pid);
  for (const pid of services) process.kill(pid, 'SIGSTOP');
  let exitCode: number | null | undefined;
  run.exited.then((code) => {
    exitCode = code;
  });
  const interrupted = async () => {
    run.kill('SIGINT');
    return exitCode !== undefined;
  };
  // Well before the grace of 12 s.
  await waitFor(interrupted, { what: 'the end', everyMs: 100, most: 100 });
  running = undefined;
  assert.equal(exitCode, 130);
});

test('a faulty configuration ends the start with the reason, and with no process left', async () => {
  const run = pressferry(['up', '--data-dir', folder.path, '--env', 'callback.CONCURRENCY=many']);
  assert.notEqual(await run.exited, 0);
  assert.match(
    run.output(),
    /callback ended with code 78; it said:\nconfiguration cannot be used:\n {2}CONCURRENCY: must be a/,
  );
  assert.ok(!existsSync(stackFile()));
});

test('clean removes the data', async () => {
  const run = pressferry(['clean', '--data-dir', folder.path]);
  assert.equal(await run.exited, 0, run.output());
  assert.match(run.output(), /removed .*postgres/);
  assert.ok(!existsSync(join(folder.path, 'secrets.json')));
});
