import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rsaKeyPair } from '@pressferry/testing';
import { createWorld } from './world.ts';

const CLIENT = fileURLToPath(new URL('./foreign-client.py', import.meta.url));
const VECTORS = fileURLToPath(new URL('../../../proto/vectors', import.meta.url));

/** Why the client cannot run here, or false. */
function missing(): string | false {
  const lacking = ['python3', 'openssl'].filter((name) => spawnSync(name, ['version']).error !== undefined);
  return lacking.length > 0 && `needs ${lacking.join(' and ')}, not found on this machine`;
}

test('a client in another language, built from the description and the vectors alone, is understood', {
  skip: missing(),
}, async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const { siteId, issuer, kid, hmacSecret } = await world.site({}, ingress);
  const privateKey = rsaKeyPair(0).privateKey.export({ format: 'pem', type: 'pkcs8' });
  const running = promisify(execFile)('python3', [CLIENT], { timeout: 30_000 });
  running.child.stdin?.end(
    JSON.stringify({
      url: ingress.apiUrl,
      vectors: VECTORS,
      site: { siteId, issuer, audience: 'pressferry', kid, hmacSecret, privateKey },
    }),
  );
  const { key, first, repeat, state } = JSON.parse((await running).stdout);
  assert.equal(first.status, 202);
  assert.equal(first.body.duplicate, false);
  assert.deepEqual(repeat, { status: 202, body: { ...first.body, duplicate: true } });
  assert.equal(state.status, 200);
  assert.equal(state.body.request_id, first.body.request_id);
  const stored = await world.events(siteId);
  assert.deepEqual(
    stored.map(({ idempotencyKey, requestId, eventType }) => [idempotencyKey, requestId, eventType]),
    [[key, first.body.request_id, 'post.published']],
  );
});
