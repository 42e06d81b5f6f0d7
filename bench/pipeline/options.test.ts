import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';

test('a filled database is made or taken, not both, and taken only by the scenario that measures it', () => {
  assert.equal(parseOptions(['--keep-filled', '/x']).keepFilledDir, '/x');
  assert.equal(parseOptions(['--scenarios', 'filled', '--filled', '/x']).filledDir, '/x');
  assert.throws(() => parseOptions(['--scenarios', 'filled', '--filled', '/x', '--keep-filled', '/y']), /one of them/);
  assert.throws(() => parseOptions(['--filled', '/x']), /--scenarios filled/);
  assert.throws(() => parseOptions(['--scenarios', 'filled', '--filled', '/x', '--rows', '5']), /--keep-filled/);
});
