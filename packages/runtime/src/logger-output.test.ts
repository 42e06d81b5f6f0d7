import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { openLog } from './logger.ts';

const LOGGER = new URL('./logger.ts', import.meta.url).href;

test('gathered lines are written whole and in order, and none is lost when the process exits', () => {
  const program = `
    const { openLog } = await import(${JSON.stringify(LOGGER)});
    const { logger, write } = openLog('test', 'info');
    for (let number = 0; number < 2000; number++) write(JSON.stringify({ number }) + '\\n');
    logger.info('last');
    process.exit(0);`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(status, 0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.flatMap(({ number }) => number ?? []),
    Array.from({ length: 2000 }, (_, number) => number),
  );
  assert.equal(lines.filter(({ msg }) => msg === 'last').length, 1);
});

test('a line is handed on within the time that lines are gathered', async () => {
  const handedOn = Promise.withResolvers<string>();
  const { write } = openLog('test', 'info', { write: handedOn.resolve });
  write('one\n');
  // The gathering alone keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  assert.equal(await handedOn.promise, 'one\n');
  clearInterval(alive);
});
