// What an operator gets wrong at three in the morning: each says what to do, changes nothing, and shows no stack trace.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { migrate, openDatabase } from '@pressferry/database';
import { applyStreams, openConnection } from '@pressferry/jetstream';
import { publishSites } from '@pressferry/registry';
import { startTestNats, startTestPostgres, temporaryDataDir } from '@pressferry/testing';
import { type Command, InvalidArgumentError } from 'commander';
import { createProgram } from '../src/program.ts';
import { pressferry } from './command.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const UUID = '00000000-0000-4000-8000-000000000000';

let env: Record<string, string>;
let natsUrl: string;
const resources = new AsyncDisposableStack();
before(async () => {
  const nats = resources.use(await startTestNats({ authToken: 'right' }));
  const postgres = resources.use(
    await startTestPostgres({
      prepare: async (url) => {
        await using db = openDatabase({ url, applicationName: 'prepare' });
        await migrate(db);
      },
    }),
  );
  const { url } = resources.use(await postgres.createDatabase());
  natsUrl = nats.url;
  env = { DATABASE_URL: url, NATS_URL: nats.url.replace('//', '//right@') };
});
after(() => resources.disposeAsync());

async function file(name: string, content: string): Promise<string> {
  const folder = resources.use(await temporaryDataDir());
  await writeFile(join(folder.parent, name), content);
  return join(folder.parent, name);
}

/** Runs a command, which must end so. */
async function fails(args: string[], code: number, says: RegExp, changed: Record<string, string> = {}): Promise<void> {
  const run = pressferry(args, { ...env, ...changed });
  const ended = await run.exited;
  const what = `pressferry ${args.join(' ')}\n${run.output()}`;
  assert.equal(ended, code, what);
  assert.match(run.output(), says, what);
  assert.doesNotMatch(run.output(), /^\s+at /m, what);
}

test('what is no number of a letter, no result id, no site id, or more than can be shown is refused before anything is asked', async () => {
  await fails(['dead', 'replay', '7', 'abc'], 2, /write the number of a letter: pressferry dead list/);
  const parsers = parsersOf(createProgram());
  const refuses = (name: string, text: string): void => {
    const parsersOfName = parsers.filter((one) => one.name === name);
    assert.ok(parsersOfName.length > 0, name);
    for (const { command, parse } of parsersOfName)
      assert.throws(() => parse?.(text, undefined), InvalidArgumentError, `${command}: ${name} "${text}"`);
  };
  for (const text of ['a b', '*', '>', 'x.y', 'UPPER', '']) refuses('--site', text);
  for (const text of ['abc', '0', '-1', '1e9', '99999999999999999999']) refuses('sequence', text);
  for (const text of ['abc', `${UUID}x`, '']) refuses('result-id', text);
  for (const text of ['0', '1000000', '99999999999', 'all']) refuses('--limit', text);
});

test('a site, an automation, a type or a reason that nothing has is named, and no command says that it did what was asked', async () => {
  await using db = openDatabase({ url: env.DATABASE_URL ?? '', applicationName: 'test' });
  await using nats = await startTestNats();
  await using connection = await openConnection({ url: nats.url, name: 'test' });
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), consumerDefinitions(STREAM_DEFAULTS));
  await db
    .insertInto('sites')
    .values({ site_id: 'shop-1', status: 'active', issuer: 'https://shop.example', audience: 'pressferry' })
    .execute();
  await publishSites(db, connection.nats);
  const keys = { NATS_URL: nats.url, SEALING_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}` };
  const noSite = /there is no site slip: pressferry sites list/;
  const slips = [
    ['erase', '--site', 'slip', '--yes'],
    ['erase', '--email', 'ada@example.com', '--site', 'slip', '--yes'],
    ['events', 'list', '--site', 'slip'],
    ['runs', 'list', '--site', 'slip', '--json'],
    ['runs', 'list', '--status', 'waiting', '--site', 'slip'],
    ['dead', 'list', '--site', 'slip'],
    ['dead', 'replay', '--all', '--site', 'slip'],
    ['dead', 'remove', '--all', '--yes', '--site', 'slip'],
    ['deliveries', 'retry', '--site', 'slip'],
  ];
  await Promise.all(slips.map((args) => fails(args, 1, noSite, keys)));
  await fails(['runs', 'list', '--automation', 'slip'], 1, /never loaded an automation slip/);
  await fails(['events', 'list', '--type', 'post.publishd'], 1, /no event type is named post\.publishd/);
  await fails(['dead', 'remove', '--all', '--yes', '--reason', 'slip'], 1, /there is no reason slip/, keys);
  const audited = await db.selectFrom('audit_log').select('action').where('site_id', '=', 'slip').execute();
  assert.deepEqual(audited, [], 'an erasure that erased nothing is recorded');
  for (const [args, says] of [
    [['erase', '--site', 'shop-1', '--yes'], /nothing of it is stored/],
    [['events', 'list', '--site', 'shop-1'], /there are no such events/],
    [['dead', 'list', '--site', 'shop-1', '--reason', 'timeout'], /there are no dead letters/],
    [['deliveries', 'retry', '--site', 'shop-1'], /0 begun again/],
  ] as const)
    await fails([...args], 0, says, keys);
});

test('the sites of automations are looked up in the registry', async () => {
  const files = await file(
    'automations.yaml',
    `automations:
  - { name: a, on: [post.published], sites: [shop-1, shop-2], steps: [{ name: s, type: transform, value: 1 }] }
`,
  );
  await fails(
    ['automations', 'validate', files, '--registry'],
    1,
    /:2:\d+: automations\[0\]\.sites\[1\]: no site is registered as "shop-2"/,
  );
});

/** Of every option and argument of a command and of those below it. */
function parsersOf(command: Command, path = ''): { command: string; name: string; parse: Parse | undefined }[] {
  const here = `${path} ${command.name()}`;
  const parsers = [
    ...command.options.map(({ long, parseArg }) => ({ name: long ?? '', parse: parseArg })),
    ...command.registeredArguments.map((argument) => ({ name: argument.name(), parse: argument.parseArg })),
  ];
  return [
    ...parsers.map((parser) => ({ command: here, ...parser })),
    ...command.commands.flatMap((one) => parsersOf(one, here)),
  ];
}
type Parse = (value: string, previous: unknown) => unknown;

test('spending of a site that is not registered is neither limited nor stopped: its name is a slip', async () => {
  await fails(['budgets', 'stop', '--site', 'demoo'], 1, /there is no site demoo: pressferry sites list/);
  const shown = pressferry(['budgets', 'show', '--json'], env);
  assert.equal(await shown.exited, 0);
  assert.deepEqual(JSON.parse(shown.output()), { budgets: [], stops: [] });
});

test('NATS that refuses the token, has not the streams, or is named wrongly', async () => {
  const refuses = /NATS refuses the credentials of NATS_URL/;
  for (const command of [['dead', 'list'], ['tail'], ['doctor']])
    await fails(command, 1, refuses, { NATS_URL: natsUrl.replace('//', '//wrong@') });
  for (const command of [['dead', 'replay', '--all'], ['tail']])
    await fails(command, 1, /stream .*pressferry streams apply/);
  await fails(['dead', 'list'], 78, /NATS_URL: write nats:\/\/host:4222/, { NATS_URL: 'foo bar' });
});

test('a database that is named wrongly, or in which the role may not do this', async () => {
  await fails(['events', 'list'], 78, /DATABASE_URL: write postgres:\/\//, { DATABASE_URL: 'notaurl' });
  const { DATABASE_URL: url = '' } = env;
  await fails(['events', 'list'], 1, /Postgres refuses the role or the password/, {
    DATABASE_URL: Object.assign(new URL(url), { username: 'nobody', password: 'wrong' }).href,
  });
  const readOnly = `${url}${url.includes('?') ? '&' : '?'}options=-c%20default_transaction_read_only%3Don`;
  await fails(['budgets', 'stop', '--all'], 1, /DATABASE_URL leads to a Postgres that is read only/, {
    DATABASE_URL: readOnly,
  });
});

test('a reader that has gone does not end a command in an error', async () => {
  const child = spawn(process.execPath, [MAIN, 'doctor', '--json'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const [code] = await once(child, 'close');
  // Streams are missing, which doctor says with 1.
  assert.deepEqual([code, errors], [1, '']);
});
