import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWarning, readableLogLine } from './log-line.ts';

test('a JSON line becomes a short one that keeps every field', () => {
  const line = JSON.stringify({
    level: 'info',
    time: '2026-11-24T09:10:11.123Z',
    service: 'callback',
    ...{ site_id: 'demo', reason: 'no answer', tries: 2, tags: ['a'], msg: 'delivery.attempted' },
  });
  assert.equal(
    readableLogLine(line),
    '09:10:11.123 info  delivery.attempted site_id=demo reason="no answer" tries=2 tags=["a"]',
  );
});

test('what a log line holds cannot steer the terminal', () => {
  const sequence = '\u001b[2J';
  for (const line of [sequence, JSON.stringify({ level: 'info', msg: 'x', name: sequence })]) {
    assert.doesNotMatch(readableLogLine(line), /\p{Cc}/u);
    assert.match(readableLogLine(line), /\\u001b/);
  }
});

test('a line that is not JSON object stays as it is', () => {
  for (const line of ['{"half":', 'listening', '']) assert.equal(readableLogLine(line), line);
});

test('warnings and errors are told from the rest, in the form of each server', () => {
  const warnings = [
    '{"level":"warn","msg":"x"}',
    '{"level":"error","msg":"x"}',
    '[12] 2026/11/24 09:10:11.123456 [WRN] Filestore',
    '2026-11-24 09:10:11.123 UTC [12] FATAL:  password authentication failed',
  ];
  const others = [
    '{"level":"info","msg":"ERROR"}',
    '[12] 2026/11/24 09:10:11.123456 [INF] Server is ready',
    '2026-11-24 09:10:11.123 UTC [12] LOG:  checkpoint complete',
    '2026-11-24 09:10:11.123 UTC [12] FATAL:  the database system is starting up',
  ];
  assert.deepEqual(
    [warnings.map(isWarning), others.map(isWarning)],
    [warnings.map(() => true), others.map(() => false)],
  );
});
