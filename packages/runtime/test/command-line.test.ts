import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = import.meta.resolve('../src/command-line.ts');
const TOOL = `
const { parseArgs } = await import('node:util');
const { readCommandLine } = await import(${JSON.stringify(MODULE)});
const { values } = readCommandLine('usage: tool [--count N]', (args) => parseArgs({ args, options: { count: { type: 'string' } } }));
console.log(values.count);
`;

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', TOOL, '--', 'tool', ...args],
    {
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
};

test('a tool reads its options, and says how it is used', () => {
  assert.deepEqual(run('--count', '3'), { status: 0, stdout: '3\n', stderr: '' });
  assert.deepEqual(run('--help'), { status: 0, stdout: 'usage: tool [--count N]\n', stderr: '' });
});

test('an option that a tool does not know is refused with its usage, without a stack trace', () => {
  const { status, stdout, stderr } = run('--no-such-option');
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /^Unknown option '--no-such-option'[\s\S]*\n\nusage: tool \[--count N\]\n$/);
  assert.doesNotMatch(stderr, /^ +at /m);
});
