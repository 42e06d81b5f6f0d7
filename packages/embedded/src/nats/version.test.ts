import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeVersion } from './version.ts';

test('2.12 and newer are usable, release candidates too', () => {
  for (const version of ['2.12.0', '2.15.2', '2.16.0-RC.1', '3.0.0']) {
    assert.deepEqual(judgeVersion(`nats-server: v${version}\n`), { kind: 'usable', version });
  }
});

test('an older server, and a program that is not a NATS server, are refused with the reason', () => {
  const reasonFor = (output: string) => JSON.stringify(judgeVersion(output));
  assert.match(reasonFor('nats-server: v2.11.9'), /is version 2\.11\.9, older than 2\.12/);
  assert.match(reasonFor('nats-server: v1.99.0'), /older than 2\.12/);
  assert.match(reasonFor('redis-server 8.0'), /is not a nats-server/);
});
