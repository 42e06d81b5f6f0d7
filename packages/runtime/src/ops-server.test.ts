import assert from 'node:assert/strict';
import test from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { createLogger, startOpsServer } from './index.ts';

test('what throws while a request is answered makes a 500 and a log line without its text, and the server goes on', async () => {
  const lines: string[] = [];
  const logger = createLogger('test', 'info', { write: (line: string) => void lines.push(line) });
  const registry = new Registry();
  new Gauge({
    name: 'faulty',
    help: 'throws when it is read',
    registers: [registry],
    collect: () => {
      throw new Error('not there yet');
    },
  });
  const unready = (): string[] => {
    throw new Error('not there either');
  };
  await using ops = await startOpsServer({ host: '127.0.0.1', port: 0, logger }, registry, unready);
  for (const path of ['/metrics', '/readyz']) {
    const response = await fetch(`${ops.url}${path}`);
    assert.equal(response.status, 500);
    assert.ok(!(await response.text()).includes('not there'));
  }
  assert.equal((await fetch(`${ops.url}/livez`)).status, 200);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ msg, path }) => [msg, path]),
    [
      ['ops.request_failed', '/metrics'],
      ['ops.request_failed', '/readyz'],
    ],
  );
});
