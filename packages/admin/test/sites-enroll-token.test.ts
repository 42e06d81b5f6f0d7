import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { enrolmentTokenHash } from '@pressferry/registry';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
});
after(() => world[Symbol.asyncDispose]());

const stored = () => world.db.selectFrom('enrolment_tokens').selectAll().execute();

test('500 tokens are written to a file that only its owner can read; Postgres holds their hashes and labels', async () => {
  const out = world.path('tokens');
  const made = await world.json([
    'sites',
    'enroll-token',
    '--count',
    '500',
    '--expires',
    '7d',
    '--label',
    'customer=acme',
    '--out',
    out,
    '--json',
  ]);
  assert.deepEqual([made.count, made.tokens], [500, undefined]);
  assert.equal((await stat(out)).mode & 0o777, 0o600);
  const tokens = (await readFile(out, 'utf8')).trim().split('\n');
  assert.equal(new Set(tokens).size, 500);
  const rows = await stored();
  assert.deepEqual(new Set(rows.map(({ token_hash }) => token_hash)), new Set(tokens.map(enrolmentTokenHash)));
  assert.ok(rows.every(({ labels }) => labels.customer === 'acme'));
  assert.ok(!JSON.stringify(rows).includes(tokens[0] ?? '?'));
});

test('with the URL where the site enrols, token and URL are one text to be pasted', async () => {
  const text = await world.run(['sites', 'enroll-token', '--url', 'https://results.example/']);
  assert.match(text.trim(), /^pfe1_[A-Za-z0-9_-]{43}@https:\/\/results\.example$/);
  assert.match(await world.run(['sites', 'enroll-token', '--url', 'results.example'], { code: 2 }), /absolute URL/);
});

test('a file that is there already is not written over, and no token is made that no one could read', async () => {
  const before = (await stored()).length;
  const out = await world.file('kept', 'something else');
  await world.run(['sites', 'enroll-token', '--out', out], { code: 1 });
  assert.equal(await readFile(out, 'utf8'), 'something else');
  assert.equal((await stored()).length, before);
});

test('a token for a site that is not registered, and options that make no sense, are refused with the remedy', async () => {
  assert.match(
    await world.run(['sites', 'enroll-token', '--site', 'nobody'], { code: 1 }),
    /there is no site nobody: pressferry sites list/,
  );
  assert.match(await world.run(['sites', 'enroll-token', '--site', 'x', '--count', '2'], { code: 2 }), /one token/);
  assert.match(await world.run(['sites', 'enroll-token', '--label', 'Nonsense'], { code: 2 }), /name=value/);
  assert.match(await world.run(['sites', 'enroll-token', '--count', '10001'], { code: 2 }), /10000/);
});

test('revoked tokens are good no more; a used one stays, because it tells which site it made', async () => {
  const out = world.path('leaked');
  await world.run(['sites', 'enroll-token', '--count', '3', '--url', 'https://results.example', '--out', out]);
  const [first = ''] = (await readFile(out, 'utf8')).split('@');
  const hash = enrolmentTokenHash(first);
  await world.db.updateTable('enrolment_tokens').set({ used_at: new Date() }).where('token_hash', '=', hash).execute();
  const before = (await stored()).length;
  assert.deepEqual(await world.json(['sites', 'revoke-tokens', out], { code: 4 }), { revoked: 2, others: 1 });
  const left = await stored();
  assert.equal(left.length, before - 2);
  assert.ok(left.some(({ token_hash }) => token_hash === hash));
  assert.match(
    await world.run(['sites', 'revoke-tokens', out], { code: 1 }),
    /^0 tokens are revoked; 3 are used, revoked/,
  );

  const other = await world.file('other', 'a secret of another kind\n');
  const refused = await world.run(['sites', 'revoke-tokens', other], { code: 1 });
  assert.match(refused, /line 1 of .* is not a token/);
  assert.ok(!refused.includes('another kind'));
});
