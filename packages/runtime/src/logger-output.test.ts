import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const LOGGER = new URL('./logger.ts', import.meta.url).href;
const OPEN = `
  const { batchedStdout, createLogger } = await import(${JSON.stringify(LOGGER)});
  const logger = createLogger('test', 'info', batchedStdout());`;
const argumentsOf = (program: string): string[] => ['--input-type=module', '-e', OPEN + program];

test('batched lines are written whole and in order, and none is lost when the process exits', () => {
  const program = `
    for (let number = 0; number < 2000; number++) logger.info({ number }, 'one');
    logger.info('last');
    process.exit(0);`;
  const { stdout, status } = spawnSync(process.execPath, argumentsOf(program), { encoding: 'utf8' });
  assert.equal(status, 0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.flatMap(({ number }) => number ?? []),
    Array.from({ length: 2000 }, (_, number) => number),
  );
  assert.equal(lines.at(-1)?.msg, 'last');
});

test('a single line is written while the process runs on', async () => {
  const program = `logger.info('one'); setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, argumentsOf(program), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [written] = await once(child.stdout, 'data');
    assert.equal(JSON.parse(String(written)).msg, 'one');
  } finally {
    child.kill();
  }
});
