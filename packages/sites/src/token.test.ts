import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openSite } from './site.ts';
import { parseToken, verifyToken } from './token.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../proto/vectors/tokens.json', import.meta.url), 'utf8'));
const noSecrets = { open: () => Buffer.alloc(0) };

const site = await openSite(
  {
    ...vectors.site,
    status: 'active',
    callback_url: null,
    keys: vectors.site.keys.map((key: object) => ({ ...key, expires_at: null })),
    secrets: [],
    settings: {},
  },
  noSecrets,
);

async function judge(compact: string): Promise<string> {
  const token = parseToken(compact);
  if (token === null) return 'token_malformed';
  const verified = await verifyToken(token, site, vectors.now_s * 1000, { allowHs256: false });
  return typeof verified === 'string' ? verified : 'valid';
}

describe('vectors: tokens', () => {
  for (const { name, expect, token } of vectors.cases) {
    test(`${name}: ${expect}`, async () => assert.equal(await judge(token), expect));
  }
});

test('an expired key verifies nothing', async () => {
  const [key] = vectors.site.keys;
  const expired = { ...key, expires_at: new Date(vectors.now_s * 1000).toISOString() };
  const record = { ...vectors.site, status: 'active', callback_url: null, secrets: [], settings: {}, keys: [expired] };
  const token = parseToken(vectors.cases[0].token);
  assert.ok(token);
  const late = await openSite(record, noSecrets);
  assert.equal(await verifyToken(token, late, vectors.now_s * 1000, { allowHs256: false }), 'token_key_unknown');
});
