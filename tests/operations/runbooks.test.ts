import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createProgram } from '@pressferry/admin';
import { migrate, openDatabase } from '@pressferry/database';
import { startTestPostgres } from '@pressferry/testing';
import pg from 'pg';
import { DASHBOARDS, statementsOf } from '../../scripts/dashboards/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = globSync(
  ['docs/runbooks/*.md', 'docs/guides/*.md', 'docs/operations.md', 'docs/spend.md', 'packages/admin/README.md'],
  { cwd: ROOT },
).map((path) => ({
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

test('every `pressferry` command that a page gives is there, with its options', () => {
  const commands = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:^|`| {4})pressferry ([a-z]+(?: [a-z][a-z-]*)*)([^`\n]*)/gm)].map(
      ([, words = '', rest = '']) => ({ path, words: words.split(' '), rest }),
    ),
  );
  assert.ok(commands.length > 30, `${commands.length} commands`);
  for (const { path, words, rest } of commands) {
    let command = createProgram();
    for (const word of words) {
      const next = command.commands.find((one) => one.name() === word);
      // The words after a command are its arguments.
      if (next === undefined) break;
      command = next;
    }
    assert.equal(command.commands.length, 0, `${path}: pressferry ${words.join(' ')}`);
    const options = new Set(command.options.map(({ long }) => long));
    for (const [option] of rest.matchAll(/--[a-z-]+/g))
      assert.ok(options.has(option), `${path}: pressferry ${words.join(' ')} ${option}`);
  }
});

test('every command in a pod is one that its image has, and Helm is told the namespace', () => {
  const inPods = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/kubectl [^`\n]*exec [^`\n]*-- (\S+)/g)].map(([, program]) => ({ path, program })),
  );
  assert.ok(inPods.length >= 6, `${inPods.length} commands in pods`);
  assert.deepEqual(
    inPods.filter(({ program }) => program !== 'node'),
    [],
  );
  const ofHelm = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/helm [^`\n]*\bpressferry\b[^`\n]*/g)].map(([command]) => ({ path, command })),
  );
  assert.ok(ofHelm.length >= 10, `${ofHelm.length} commands of Helm`);
  assert.deepEqual(
    ofHelm.filter(({ command }) => !/ -n [a-z]/.test(command)),
    [],
  );
});
