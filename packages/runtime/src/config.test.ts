import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { baseConfig, ConfigError, flag, integer, list, parseConfig, postgresUrl } from './config.ts';

const schema = z.object({
  URL: z.string(),
  PORT: integer(0, 65_535).default(8_080),
  SECRET: z.string().optional(),
  STRICT: flag().default(false),
  NAMES: list().default([]),
});

test('every fault is told at once, by the name of its variable, and no value is printed', () => {
  const env = { PORT: '70000', STRICT: 'yes', SECRET: 'the-secret', SECRET_FILE: '/there/is/no/such-file' };
  assert.throws(
    () => parseConfig(schema, env),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      for (const fault of ['URL is not set', 'PORT: must be from 0 to 65535', 'STRICT: ', 'SECRET and SECRET_FILE are'])
        assert.ok(error.message.includes(fault), `${fault} in ${error.message}`);
      assert.match(error.message, /SECRET_FILE cannot be read \(ENOENT\)/);
      assert.doesNotMatch(error.message, /the-secret|70000|yes/);
      return true;
    },
  );
});

test('a variable that is empty counts as unset, and a file may hold a value', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-config-'));
  context.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'secret'), 'from a file\n');
  const env = { URL: 'nats://a', PORT: '', SECRET_FILE: join(folder, 'secret'), NAMES: ' a, ,b ' };
  assert.deepEqual(parseConfig(schema, env), {
    URL: 'nats://a',
    PORT: 8_080,
    SECRET: 'from a file',
    STRICT: false,
    NAMES: ['a', 'b'],
  });
});

test('an address of NATS or Postgres that is none is refused by its form, and not by a client that throws', () => {
  const { NATS_URL } = baseConfig;
  const isTaken = (field: z.ZodType, text: string): boolean => field.safeParse(text).success;
  const right = ['nats://a:4222', 'a:4222', 'a', 'tls://u:p@a:4222,nats://b', 'nats://token@[::1]:4222'];
  assert.deepEqual(
    right.filter((text) => !isTaken(NATS_URL, text)),
    [],
  );
  const wrong = ['foo bar', 'http://a:4222', 'nats://a:4222,nats://b:x', 'nats://', 'a:4222,', 'nats://a:1, b:2'];
  assert.deepEqual(
    wrong.filter((text) => isTaken(NATS_URL, text)),
    [],
  );
  const databases = ['postgres://u:p@h/d', 'postgresql://u:p#%@h:5432/d?sslmode=require', 'postgres://u@/d?host=/run'];
  assert.deepEqual(
    databases.filter((text) => !isTaken(postgresUrl(), text)),
    [],
  );
  assert.deepEqual(
    ['notaurl', 'mysql://h/d', 'host:5432', 'postgres://'].filter((text) => isTaken(postgresUrl(), text)),
    [],
  );
});
