import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

/** Runs a service of one part in a process of its own; `start` is the source of its start function, `after` is done once it says so. */
async function run(start: string, after: (pid: number) => void): Promise<{ code: number | null; output: string }> {
  const source = `
    const { ConfigError, createLogger, runMain, runService } = await import('@pressferry/runtime');
    const say = (word) => process.stdout.write(word + '\\n');
    await runMain(() => runService(${start}, { graceMs: 300, logger: createLogger('test', 'info') }));`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('ready\n') && child.pid !== undefined) after(child.pid);
  });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, output: `${output}${errors}` };
}

const PARTS = `resources.defer(() => say('first closed')); resources.defer(() => say('second closed'));`;
const terminate = (pid: number): void => void process.kill(pid, 'SIGTERM');

test('SIGTERM aborts the signal, closes the parts in reverse order, and ends with 0', async () => {
  const start = `async ({ resources, signal }) => { ${PARTS} signal.addEventListener('abort', () => say('aborted')); setInterval(() => {}, 1000); say('ready'); }`;
  const { code, output } = await run(start, terminate);
  assert.equal(code, 0, output);
  const words = output.split('\n').filter((line) => /^(aborted|first|second)/.test(line));
  assert.deepEqual(words, ['aborted', 'second closed', 'first closed']);
});

test('a start that still waits is given up at SIGTERM, with 0', async () => {
  const { code, output } = await run(
    `async () => { setInterval(() => {}, 1000); say('ready'); await new Promise(() => {}); }`,
    terminate,
  );
  assert.equal(code, 0, output);
});

test('what fails later closes the parts and ends with 1; a fault of the configuration with 78, without a stack', async () => {
  const failing = (error: string): string =>
    `async ({ resources, fail }) => { ${PARTS} setImmediate(() => fail(${error})); }`;
  const failed = await run(failing(`new Error('the loop ended')`), () => undefined);
  assert.equal(failed.code, 1, failed.output);
  assert.match(failed.output, /first closed/);
  assert.match(failed.output, /service\.failed/);
  const misconfigured = await run(`async () => { throw new ConfigError('PORT is not set'); }`, () => undefined);
  assert.equal(misconfigured.code, 78, misconfigured.output);
  assert.match(misconfigured.output, /^PORT is not set$/m);
  assert.doesNotMatch(misconfigured.output, /^ {4}at /m);
});

test('an error that no one caught ends the process in order, with 1', async () => {
  const { code, output } = await run(
    `async ({ resources }) => { ${PARTS} setImmediate(() => { throw new Error('a bug'); }); }`,
    () => undefined,
  );
  assert.equal(code, 1, output);
  assert.match(output, /first closed/);
});

test('parts that do not close within the time of grace are left, with 1', async () => {
  const start = `async ({ resources }) => { resources.defer(() => new Promise(() => {})); setInterval(() => {}, 1000); say('ready'); }`;
  const { code, output } = await run(start, terminate);
  assert.equal(code, 1, output);
  assert.match(output, /service\.killed/);
});
