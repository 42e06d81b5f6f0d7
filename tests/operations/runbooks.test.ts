import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { migrate, openDatabase } from '@pressferry/database';
import { startTestPostgres } from '@pressferry/testing';
import pg from 'pg';
import { DASHBOARDS, statementsOf } from '../../scripts/dashboards/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = globSync(['docs/runbooks/*.md', 'docs/operations.md'], { cwd: ROOT }).map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), 'utf8'),
}));

test('every statement of a runbook or a dashboard is understood by the database as this release migrates it', async () => {
  await using postgres = await startTestPostgres({
    prepare: async (url) => {
      await using db = openDatabase({ url, applicationName: 'prepare' });
      await migrate(db);
    },
  });
  await using database = await postgres.createDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    const ofPages = PAGES.flatMap(({ path, text }) =>
      [...text.matchAll(/^sql "([^"$]+)"/gm)].map(([, statement = '']) => ({ path, statement })),
    );
    const ofPanels = Object.entries(DASHBOARDS).flatMap(([path, dashboard]) =>
      statementsOf(dashboard).map((statement) => ({ path, statement })),
    );
    const statements = [...ofPages, ...ofPanels];
    assert.ok(statements.length >= 12, `${statements.length} statements`);
    for (const { path, statement } of statements) {
      await assert.doesNotReject(client.query(`explain ${statement}`), `${path}: ${statement}`);
    }
  } finally {
    await client.end();
  }
});

test('every `pressferry` command that a runbook gives is there, with its options', async () => {
  const commands = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:^|`)pressferry ([a-z]+(?: [a-z]+)?)\b([^`\n]*)/gm)].map(([, words = '', rest = '']) => ({
      path,
      words,
      rest,
    })),
  );
  assert.ok(commands.length > 5, `${commands.length} commands`);
  const main = join(ROOT, 'packages/cli/src/main.ts');
  const helps = new Map<string, string>();
  for (const { path, words, rest } of commands) {
    const run = () => promisify(execFile)(process.execPath, [main, ...words.split(' '), '--help']);
    const stdout = helps.get(words) ?? (await run()).stdout;
    helps.set(words, stdout);
    // The help of a command that is not there is that of the one above it.
    assert.ok(stdout.startsWith(`Usage: pressferry ${words}`), `${path}: pressferry ${words}`);
    for (const [option] of `${rest}`.matchAll(/--[a-z-]+/g))
      assert.ok(stdout.includes(option), `${path}: pressferry ${words} ${option}`);
  }
});
