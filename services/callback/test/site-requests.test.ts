import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { ENROLMENT_AUDIENCE, readHeartbeat } from '@pressferry/registry';
import { waitFor } from '@pressferry/testing';
import { SignJWT } from 'jose';
import { sql } from 'kysely';
import type { Callback } from '../src/app.ts';
import { dispatchUrl } from '../src/loops/pokes.ts';
import { createWorld, type TestSite, type World } from './world.ts';

let world: World;
let callback: Callback;
before(async () => {
  world = await createWorld();
  callback = await world.start();
});
after(async () => {
  await callback[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const sign = (body: string, secret: string): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

interface How {
  secret?: string;
  body?: string;
}

async function ask(site: TestSite, route: string, members: Record<string, unknown>, how: How = {}) {
  const body = JSON.stringify(members);
  const response = await fetch(`${callback.apiUrl}${route}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${world.token(site)}`,
      'x-signature': sign(body, how.secret ?? site.secret),
    },
    body: how.body ?? body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const REPORT = {
  is_copy: false,
  plugin_version: '0.3.0',
  wordpress_version: '6.8',
  php_version: '8.2',
  counts: { pending: 0, sent: 5 },
  oldest_pending_s: null,
  clock_offset_ms: 0,
  key_age_s: 86_400,
  cron_late_s: 0,
};
const report = (site: TestSite, members: Record<string, unknown> = {}) => ({
  home_url: site.issuer,
  ...REPORT,
  ...members,
});

test('a heartbeat is kept for its site, and no body that the site has not signed is taken', async () => {
  const site = await world.site();
  const { status, body } = await ask(site, '/heartbeat', report(site));
  assert.deepEqual([status, body], [200, { status: 'active', home_url: site.issuer, rotate_secret: false }]);
  const kept = await readHeartbeat(world.db, site.siteId);
  assert.deepEqual([kept?.homeUrl, kept?.report.counts], [site.issuer, { pending: 0, sent: 5 }]);
  const forged = await ask(site, '/heartbeat', report(site), { secret: 'another' });
  assert.deepEqual([forged.status, forged.body.code], [401, 'signature_mismatch']);
  const changed = await ask(site, '/heartbeat', report(site), {
    body: JSON.stringify(report(site, { cron_late_s: 9_000 })),
  });
  assert.equal(changed.body.code, 'signature_mismatch');
  const wrong = await ask(site, '/heartbeat', report(site, { counts: { pending: -1 } }));
  assert.deepEqual([wrong.status, wrong.body.code], [422, 'site_request_refused']);
  assert.match(String(wrong.body.detail), /counts\.pending/);
});

test('a site changes its key, signed by the old one and proven by the new one, which is in force when it is told', async () => {
  const site = await world.site();
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const proof = (subject: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(site.issuer)
      .setSubject(subject)
      .setAudience(ENROLMENT_AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(createPrivateKey(pair.privateKey));
  const wrong = await ask(site, '/rotate', { key: { public_key: pair.publicKey, proof: await proof('another') } });
  assert.deepEqual([wrong.status, wrong.body.code], [422, 'site_request_refused']);
  const { status, body } = await ask(site, '/rotate', {
    key: { public_key: pair.publicKey, proof: await proof(site.siteId) },
    secret: true,
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.match(String(body.kid), /^k-[0-9a-f]{16}$/);
  // The former ones stay valid.
  const again = await ask(site, '/heartbeat', report(site));
  assert.deepEqual([again.status, again.body.rotate_secret], [200, true]);
  const newest = await ask(site, '/heartbeat', report(site), { secret: String(body.secret) });
  assert.deepEqual([newest.status, newest.body.rotate_secret], [200, false]);
  const stored = await world.db.selectFrom('site_secrets').selectAll().where('site_id', '=', site.siteId).execute();
  assert.ok(!JSON.stringify(stored).includes(String(body.secret)));
});

test('a copy is noted with the site that it is a copy of, and cannot take its place while that one reports', async () => {
  const site = await world.site({ callbackUrl: 'https://a.example/wp-json/pressferry/v1/results' });
  await ask(site, '/heartbeat', report(site));
  const copy = { home_url: 'https://staging.example', is_copy: true };
  assert.deepEqual((await ask(site, '/heartbeat', report(site, copy))).body.status, 'copy');
  const kept = await readHeartbeat(world.db, site.siteId);
  assert.deepEqual([kept?.homeUrl, kept?.copyHomeUrl], [site.issuer, 'https://staging.example']);

  const wish = {
    home_url: 'https://staging.example',
    callback_url: 'https://staging.example/wp-json/pressferry/v1/results',
  };
  const refused = await ask(site, '/move', wish);
  assert.deepEqual([refused.status, refused.body.code], [422, 'site_request_refused']);
  assert.match(String(refused.body.detail), /reported 0 minutes ago.*enrol it again/);
  await sql`update site_heartbeats set received_at = now() - interval '3 hours' where site_id = ${site.siteId}`.execute(
    world.db,
  );
  const moved = await ask(site, '/move', wish);
  assert.deepEqual([moved.status, moved.body], [200, { issuer: 'https://staging.example' }]);
  const { issuer, callback_url } = await world.db
    .selectFrom('sites')
    .select(['issuer', 'callback_url'])
    .where('site_id', '=', site.siteId)
    .executeTakeFirstOrThrow();
  assert.deepEqual([issuer, callback_url], [wish.home_url, wish.callback_url]);
  assert.equal((await readHeartbeat(world.db, site.siteId))?.copyHomeUrl, null);
  const former = await ask(site, '/heartbeat', report(site));
  assert.equal(former.body.code, 'token_issuer_mismatch');
});

test('a site that reports a backlog is woken by a request signed for that route and site alone, and not again within the spacing', async () => {
  const asked: { path: string | undefined; signature: unknown; body: string }[] = [];
  let secret = '';
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      asked.push({ path: request.url, signature: request.headers['x-signature'], body });
      const answer = '{"accepted":3}';
      response.setHeader('x-signature', sign(answer, secret)).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as { port: number };
    const site = await world.site({ callbackUrl: `http://127.0.0.1:${port}/?rest_route=/pressferry/v1/results` });
    secret = site.secret;
    await ask(site, '/heartbeat', report(site, { counts: { pending: 3 }, oldest_pending_s: 900 }));
    const woken = await waitFor(
      async () => {
        const kept = await readHeartbeat(world.db, site.siteId);
        return kept?.pokeOutcome === null ? undefined : kept;
      },
      { what: 'the site to be woken' },
    );
    assert.equal(woken.pokeOutcome, 'answered');
    const [poke] = asked;
    assert.equal(poke?.path, '/?rest_route=/pressferry/v1/dispatch');
    assert.equal(poke?.signature, sign(poke?.body ?? '', site.secret));
    const { route, site_id } = JSON.parse(poke?.body ?? '{}') as Record<string, unknown>;
    assert.deepEqual([route, site_id], ['/dispatch', site.siteId]);

    await ask(site, '/heartbeat', report(site, { counts: { pending: 3 }, oldest_pending_s: 960 }));
    const { rows } = await sql<{ soon: number }>`
      select extract(epoch from poke_at - poked_at)::float as soon from site_heartbeats where site_id = ${site.siteId}`.execute(
      world.db,
    );
    assert.equal(rows[0]?.soon, 300);
    assert.equal(asked.length, 1);
  } finally {
    server.close();
  }
});

test("a poke goes to the plugin's own route, and to no other URL", () => {
  const to = (url: string): string | undefined => dispatchUrl(url, false)?.href;
  assert.equal(
    to('https://a.example/wp-json/pressferry/v1/results'),
    'https://a.example/wp-json/pressferry/v1/dispatch',
  );
  assert.equal(
    to('https://a.example/?rest_route=%2Fpressferry%2Fv1%2Fresults'),
    'https://a.example/?rest_route=%2Fpressferry%2Fv1%2Fdispatch',
  );
  assert.equal(to('https://a.example/hook/results'), undefined);
  assert.equal(to('http://a.example/wp-json/pressferry/v1/results'), undefined);
});
