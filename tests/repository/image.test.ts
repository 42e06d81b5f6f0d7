import assert from 'node:assert/strict';
import { matchesGlob } from 'node:path';
import test from 'node:test';
import { FILES, read } from './sources.ts';

/** What the image's build copies: `.dockerignore` has plain paths, folders and globs, no exceptions. */
const IGNORED = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const isCopied = (file: string): boolean => {
  const parts = file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'));
  return !parts.some((part) => IGNORED.some((pattern) => matchesGlob(part, pattern)));
};

test('the reading of .dockerignore finds what is copied and what is not', () => {
  assert.ok(isCopied('services/ingress/src/main.ts') && isCopied('packages/testing/package.json'));
  assert.ok(!isCopied('services/ingress/test/world.ts') && !isCopied('docs/words.md') && !isCopied('README.md'));
});

test('the production image holds no private key', () => {
  const withKey = FILES.filter((file) => /\.(ts|json|pem|mjs|yaml)$/.test(file) && isCopied(file)).filter((file) =>
    // As PEM with its base64, and as the private member of a JWK.
    /BEGIN [A-Z ]*PRIVATE KEY-----[\s\\n]+[A-Za-z0-9+/]{40}|"d": ?"[\w-]{40}/.test(read(file)),
  );
  assert.deepEqual(withKey, []);
  assert.match(read('packages/testing/src/test-keys.json'), /"d": ?"[\w-]{40}/, 'the pattern finds the keys of tests');
});

test('the production image installs nothing that only tests use', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };
  for (const name of ['fast-check', 'standardwebhooks', 'typescript'])
    assert.equal(packages[`node_modules/${name}`]?.dev, true, name);
});
