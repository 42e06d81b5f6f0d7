import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReplicas, parseServiceVariable } from './options.ts';

test('replicas are counted by service, and nonsense is refused', () => {
  assert.deepEqual(parseReplicas('ingress=3, enricher=2'), { ingress: 3, enricher: 2 });
  for (const text of ['ingress', 'ingress=0', 'ingress=17', 'ingress=x', 'nats=2', ''])
    assert.throws(() => parseReplicas(text), { code: 'commander.invalidArgument' }, text);
});

test('variables of services add up, and nonsense is refused', () => {
  const first = parseServiceVariable('callback.RETRY_SCHEDULE_MS=1,2');
  assert.deepEqual(parseServiceVariable('callback.CONCURRENCY=3', first), {
    callback: { RETRY_SCHEDULE_MS: '1,2', CONCURRENCY: '3' },
  });
  for (const text of ['CONCURRENCY=3', 'callback.concurrency=3', 'nats.X=1'])
    assert.throws(() => parseServiceVariable(text), { code: 'commander.invalidArgument' }, text);
});
