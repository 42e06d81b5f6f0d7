import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkLane, runOnNetwork } from '../../wordpress/lanes/native.ts';

test('on the main site of a network the plugin does all that it does on a site alone', {
  skip: (await networkLane.unavailable()) ?? false,
  timeout: 300_000,
}, async () => {
  const { passed, failed } = await runOnNetwork('pressferry');
  assert.deepEqual({ failed, someRan: passed > 100 }, { failed: 0, someRan: true });
});
