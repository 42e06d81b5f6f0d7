import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ENROLMENT_AUDIENCE, makeTokens } from '@pressferry/registry';
import { followSites } from '@pressferry/sites';
import { waitFor } from '@pressferry/testing';
import { SignJWT } from 'jose';
import type { Callback } from '../src/app.ts';
import { createWorld, keyring, type World } from './world.ts';

let world: World;
let callback: Callback;
before(async () => {
  world = await createWorld();
  callback = await world.start({ PUBLIC_INGRESS_URL: 'https://in.example', PUBLIC_RESULTS_URL: 'https://out.example' });
});
after(async () => {
  await callback[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const DAY_MS = 86_400_000;
const newToken = async (order: { siteId?: string; expiresAt?: Date } = {}): Promise<string> => {
  const tokens = await makeTokens(world.db, {
    count: 1,
    expiresAt: new Date(Date.now() + DAY_MS),
    labels: { customer: 'acme' },
    ...order,
  });
  return tokens[0] ?? '';
};

/** A site with its own key pair. */
function newSite(homeUrl = `https://${randomUUID().slice(0, 8)}.shop.example`) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { homeUrl, publicKey, privateKey };
}
type NewSite = ReturnType<typeof newSite>;

interface ProofMembers {
  audience?: string;
  issuer?: string;
  subject?: string;
  issuedAt?: number;
  lifeS?: number;
  privateKey?: string;
}

function proofOf(site: NewSite, token: string, members: ProofMembers = {}): Promise<string> {
  const { issuedAt = Math.floor(Date.now() / 1000), lifeS = 60 } = members;
  return new SignJWT({})
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(members.issuer ?? site.homeUrl)
    .setSubject(members.subject ?? createHash('sha256').update(token).digest('hex'))
    .setAudience(members.audience ?? ENROLMENT_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifeS)
    .sign(createPrivateKey(members.privateKey ?? site.privateKey));
}

interface Answer {
  status: number;
  body: Record<string, string>;
}

async function enroll(site: NewSite, token: string, members: Record<string, unknown> = {}): Promise<Answer> {
  const response = await fetch(`${callback.apiUrl}/enroll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      token,
      home_url: site.homeUrl,
      callback_url: `${site.homeUrl}/wp-json/pressferry/v1/results`,
      public_key: site.publicKey,
      proof: await proofOf(site, token),
      ...members,
    }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const labelsOf = async (siteId: string) =>
  (await world.db.selectFrom('sites').select('labels').where('site_id', '=', siteId).executeTakeFirstOrThrow()).labels;

test('a site with a token and its key is registered, told its secret once, and known to every replica when it is told', async () => {
  await using replica = followSites(world.connection, keyring, { onFault: () => undefined });
  const site = newSite('https://www.shop.example/de');
  const { status, body } = await enroll(site, await newToken());
  assert.equal(status, 201, JSON.stringify(body));
  const { secret = '', kid = '', ...rest } = body;
  assert.deepEqual(rest, {
    site_id: 'shop-example-de',
    issuer: site.homeUrl,
    audience: 'pressferry',
    ingress_url: 'https://in.example',
    results_url: 'https://out.example',
  });
  assert.ok(secret.length >= 32);
  const known = await waitFor(async () => replica.find('shop-example-de'), { what: 'the replica to know the site' });
  assert.deepEqual([known.issuer, known.status, [...known.keys.keys()]], [site.homeUrl, 'active', [kid]]);
  assert.deepEqual(await labelsOf('shop-example-de'), { customer: 'acme' });
});

test('a site that enrols again gets the labels of its token, and keeps those of other names', async () => {
  const site = newSite();
  const { body } = await enroll(site, await newToken());
  const siteId = body.site_id ?? '';
  await world.db
    .updateTable('sites')
    .set({ labels: JSON.stringify({ customer: 'old', plan: 'gold' }) })
    .where('site_id', '=', siteId)
    .execute();
  assert.equal((await enroll(site, await newToken({ siteId }))).status, 201);
  assert.deepEqual(await labelsOf(siteId), { customer: 'acme', plan: 'gold' });
});

test('a token is good for one key: of many at once one wins, and a repeat by that key is answered with the same ids', async () => {
  const token = await newToken();
  const sites = Array.from({ length: 8 }, () => newSite());
  const answers = await Promise.all(sites.map((site) => enroll(site, token)));
  const won = answers.findIndex(({ status }) => status === 201);
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.ok(
    answers.every(({ status, body }, at) => at === won || (status === 409 && body.code === 'enrolment_token_used')),
  );
  const [winner, first] = [sites[won], answers[won]?.body];
  assert.ok(winner && first);
  const again = await enroll(winner, token);
  assert.equal(again.status, 201);
  assert.deepEqual([again.body.site_id, again.body.kid], [first.site_id, first.kid]);
  assert.notEqual(again.body.secret, first.secret);
});

test('without the private key, or with a proof of something else, nothing is registered and the token stays good', async () => {
  const token = await newToken();
  const site = newSite();
  const nowS = Math.floor(Date.now() / 1000);
  const wrong: [ProofMembers, RegExp][] = [
    [{ privateKey: newSite().privateKey }, /not signed by the private key/],
    [{ audience: 'pressferry' }, /another home URL, token or audience/],
    [{ issuer: 'https://other.example' }, /another home URL/],
    [{ subject: 'f'.repeat(64) }, /another home URL, token/],
    [{ issuedAt: nowS - 4_000 }, /clock/],
    [{ lifeS: 3_600 }, /lives too long/],
  ];
  for (const [members, detail] of wrong) {
    const { status, body } = await enroll(site, token, { proof: await proofOf(site, token, members) });
    assert.deepEqual([status, body.code], [401, 'enrolment_proof_invalid'], Object.keys(members).join());
    assert.match(body.detail ?? '', detail);
  }
  assert.equal((await enroll(site, token)).status, 201);
});

test('what could not be used later is refused with its remedy, and the token stays good', async () => {
  const token = await newToken();
  const site = newSite();
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ public_key: site.privateKey }, /is a private key.*openssl pkey/],
    [{ callback_url: 'https://127.0.0.1/x' }, /not a public address/],
    [{ callback_url: 'ftp://shop.example/x' }, /https/],
    [{ home_url: 'nonsense' }, /home URL/],
    [{ unknown: 1 }, /unknown/i],
  ];
  const strict = await world.start({ ALLOW_PRIVATE_ADDRESSES: 'false', ALLOW_HTTP_CALLBACKS: 'false' });
  try {
    for (const [members, detail] of wrong) {
      const response = await fetch(`${strict.apiUrl}/enroll`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ token, home_url: site.homeUrl, callback_url: null, public_key: site.publicKey },
          proof: await proofOf(site, token),
          ...members,
        }),
      });
      const body = (await response.json()) as Record<string, string>;
      assert.deepEqual([response.status, body.code], [422, 'enrolment_refused'], JSON.stringify(members));
      assert.match(body.detail ?? '', detail);
    }
  } finally {
    await strict[Symbol.asyncDispose]();
  }
  assert.equal((await enroll(site, token)).status, 201);
});

test('a token that is unknown, malformed or expired is refused, all in the same words', async () => {
  const expired = await newToken({ expiresAt: new Date(Date.now() - 1_000) });
  const details = new Set<string | undefined>();
  for (const token of [expired, `pfe1_${'A'.repeat(43)}`, 'nonsense', '']) {
    const { status, body } = await enroll(newSite(), token);
    assert.deepEqual([status, body.code], [401, 'enrolment_token_invalid']);
    details.add(body.detail);
  }
  assert.equal(details.size, 1);
});

test('a copy of a registered site is told so; a token made for the site lets it enrol again, its former key good for a day', async () => {
  const site = newSite();
  const { body } = await enroll(site, await newToken());
  const copy = { ...newSite(), homeUrl: site.homeUrl };
  const refused = await enroll(copy, await newToken());
  assert.deepEqual([refused.status, refused.body.code], [422, 'enrolment_refused']);
  assert.match(refused.body.detail ?? '', new RegExp(`registered as ${body.site_id} already.*--site ${body.site_id}`));

  const renewed = await enroll(copy, await newToken({ siteId: body.site_id ?? '' }));
  assert.equal(renewed.status, 201, JSON.stringify(renewed.body));
  assert.equal(renewed.body.site_id, body.site_id);
  const keys = await world.db
    .selectFrom('site_keys')
    .select(['kid', 'expires_at'])
    .where('site_id', '=', body.site_id ?? '')
    .execute();
  const former = keys.find(({ kid }) => kid === body.kid)?.expires_at?.getTime() ?? 0;
  assert.ok(Math.abs(former - Date.now() - DAY_MS) < 60_000);
  assert.equal(keys.find(({ kid }) => kid === renewed.body.kid)?.expires_at, null);
});

test('no token and no secret lies in Postgres in the clear', async () => {
  const token = await newToken();
  const { body } = await enroll(newSite(), token);
  const rows = await Promise.all(
    (['enrolment_tokens', 'site_secrets', 'audit_log'] as const).map((table) =>
      world.db.selectFrom(table).selectAll().execute(),
    ),
  );
  for (const hidden of [token, body.secret ?? '?']) assert.ok(!JSON.stringify(rows).includes(hidden));
});

test('a path without POST, another content type, a large body: refused as the protocol says', async () => {
  const get = await fetch(`${callback.apiUrl}/enroll`);
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
  const post = (body: string, type: string) =>
    fetch(`${callback.apiUrl}/enroll`, { method: 'POST', headers: { 'content-type': type }, body });
  assert.equal((await post('x', 'application/xml')).status, 415);
  assert.equal((await post(`{"token":"${'x'.repeat(20_000)}"}`, 'application/json')).status, 413);
  assert.equal((await post('{', 'application/json')).status, 400);
});
