import assert from 'node:assert/strict';
import test from 'node:test';
import { createReadiness } from './readiness.ts';

test('a part that is not opened is a fault, in the order of opening; once opened it speaks for itself', () => {
  const { faults, follow } = createReadiness({ nats: 'NATS is not connected', api: 'not listening yet' });
  assert.deepEqual(faults(), ['NATS is not connected', 'not listening yet']);
  let isConnected = true;
  follow('nats', () => (isConnected ? [] : ['NATS is gone']));
  assert.deepEqual(faults(), ['not listening yet']);
  follow('api', () => []);
  assert.deepEqual(faults(), []);
  isConnected = false;
  assert.deepEqual(faults(), ['NATS is gone']);
});
