import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILES, read } from './sources.ts';

test('no tool reads its options but by readCommandLine, which says how the tool is used', () => {
  const others = FILES.filter(
    (file) =>
      file.endsWith('.ts') &&
      /\bparseArgs\(/.test(read(file)) &&
      !/readCommandLine\(|function parseOptions/.test(read(file)),
  );
  // The commands of `pressferry` run it, with options that they made.
  assert.deepEqual(
    others.filter((file) => !file.startsWith('packages/runtime/')),
    ['services/enricher/src/offline/main.ts'],
  );
});
