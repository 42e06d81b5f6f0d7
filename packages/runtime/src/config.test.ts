import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { ConfigError, flag, integer, list, parseConfig } from './config.ts';

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
