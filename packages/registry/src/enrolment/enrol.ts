import { createHash } from 'node:crypto';
import { DEFAULT_AUDIENCE } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';
import { sql } from 'kysely';
import { addSites } from '../changes/add.ts';
import { audit } from '../changes/change.ts';
import { setEndpoint } from '../changes/endpoint.ts';
import { addKey } from '../changes/keys.ts';
import { addSecret } from '../changes/secrets.ts';
import { type CallbackPolicy, callbackUrlFault } from '../check/callback-url.ts';
import { type PublicKey, readPublicKey } from '../check/public-key.ts';
import { drawSecret } from '../check/secret.ts';
import { nameFault } from '../check/site.ts';
import { type Queryable, readSite, type StoredSite } from '../read.ts';
import { proofFault } from './proof.ts';
import { freeId, siteIdOf } from './site-id.ts';
import { hashOf, isToken } from './tokens.ts';

export interface EnrolRequest {
  token: string;
  homeUrl: string;
  callbackUrl: string | null;
  /** SPKI PEM. */
  publicKey: string;
  /** See `proofFault`. */
  proof: string;
}

export interface EnrolDeps {
  db: Database;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  policy: CallbackPolicy;
  now: () => number;
}

/** `detail` names the remedy and holds nothing secret. */
export type EnrolRefusal = {
  kind: 'refused';
  code: 'enrolment_token_invalid' | 'enrolment_token_used' | 'enrolment_proof_invalid' | 'enrolment_refused';
  detail?: string;
};

/** The secret is shown once. */
export type Enrolled = {
  kind: 'enrolled';
  siteId: string;
  kid: string;
  secret: string;
  issuer: string;
  audience: string;
};

/** How long former keys and secrets stay valid after a new enrolment or a rotation, for requests in flight. */
export const OVERLAP_MS = 24 * 3_600_000;

/**
 * Registers the holder of a one-time token, or enrols again the registered site that the token is for. In one
 * transaction: of several requests with a token one wins. A repeat by the same key gets the same ids and a fresh
 * secret. Does not publish: call `publishSite` afterwards.
 */
export async function enrol(request: EnrolRequest, deps: EnrolDeps): Promise<Enrolled | EnrolRefusal> {
  if (!isToken(request.token)) return INVALID;
  const checked = await check(request, deps);
  if ('kind' in checked) return checked;
  return deps.db.transaction().execute(async (tx) => {
    const token = await lockToken(tx, hashOf(request.token));
    if (token === null || token.expiresAtMs <= deps.now()) return INVALID;
    const kid = kidOf(checked.key);
    if (token.usedAtMs !== null && token.kid !== kid) return USED;
    const wanted = { request, key: checked.key, kid, homeUrl: checked.homeUrl };
    const outcome = await register(tx, token, wanted, deps);
    if (outcome.kind === 'enrolled') await spend(tx, hashOf(request.token), outcome);
    return outcome;
  });
}

const INVALID: EnrolRefusal = {
  kind: 'refused',
  code: 'enrolment_token_invalid',
  detail: 'no such token, or it has expired: ask your operator for another (pressferry sites enroll-token)',
};
const USED: EnrolRefusal = {
  kind: 'refused',
  code: 'enrolment_token_used',
  detail: 'another key used this token: ask your operator for another (pressferry sites enroll-token)',
};
const refuse = (detail: string): EnrolRefusal => ({ kind: 'refused', code: 'enrolment_refused', detail });

/** The checks without a database, before the token is looked up. */
async function check(
  { homeUrl, callbackUrl, publicKey, proof, token }: EnrolRequest,
  { policy, now }: EnrolDeps,
): Promise<{ key: PublicKey; homeUrl: string } | EnrolRefusal> {
  const homeFault = nameFault(homeUrl) ?? callbackUrlFault(homeUrl, policy);
  if (homeFault !== null) return refuse(`the home URL ${homeFault}`);
  const urlFault = callbackUrl === null ? null : callbackUrlFault(callbackUrl, policy);
  if (urlFault !== null) return refuse(`the callback URL ${urlFault}`);
  const key = readPublicKey(publicKey);
  if ('refused' in key) return refuse(`the public key ${key.refused}`);
  const fault = await proofFault(proof, key, { homeUrl, subject: hashOf(token), nowMs: now() });
  if (fault !== null) return { kind: 'refused', code: 'enrolment_proof_invalid', detail: PROOF_DETAILS[fault] };
  return { key, homeUrl };
}

export const PROOF_DETAILS = {
  malformed: 'the proof is not a JWT',
  signature: 'the proof is not signed by the private key of the public key that was sent',
  claims: 'the proof is for another home URL, token or audience',
  time: "the proof is too old, lives too long or is of the future: is the site's clock right?",
} as const;

/** Derived from the key, so a repeat is recognised and two keys never share one. */
export const kidOf = ({ pem }: PublicKey): string => `k-${createHash('sha256').update(pem).digest('hex').slice(0, 16)}`;

interface LockedToken {
  forSiteId: string | null;
  labels: Record<string, string>;
  expiresAtMs: number;
  usedAtMs: number | null;
  siteId: string | null;
  kid: string | null;
}

async function lockToken(tx: Queryable, tokenHash: string): Promise<LockedToken | null> {
  const row = await tx
    .selectFrom('enrolment_tokens')
    .selectAll()
    .where('token_hash', '=', tokenHash)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    forSiteId: row.for_site_id,
    labels: row.labels,
    expiresAtMs: row.expires_at.getTime(),
    usedAtMs: row.used_at?.getTime() ?? null,
    siteId: row.site_id,
    kid: row.kid,
  };
}

interface Wanted {
  request: EnrolRequest;
  key: PublicKey;
  kid: string;
  homeUrl: string;
}

async function register(
  tx: Queryable,
  token: LockedToken,
  wanted: Wanted,
  deps: EnrolDeps,
): Promise<Enrolled | EnrolRefusal> {
  const known = token.siteId ?? token.forSiteId;
  if (known !== null) {
    const site = await readSite(tx, known);
    if (site === undefined) return refuse(`the site ${known} is not registered any more`);
    const renewed = await renew(tx, site, wanted, deps);
    if (renewed.kind === 'enrolled') await label(tx, known, token.labels);
    return renewed;
  }
  const { homeUrl } = wanted;
  // Two tokens for one home URL must not register it twice.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`enrol ${homeUrl}`}, 0))`.execute(tx);
  const other = await tx.selectFrom('sites').select('site_id').where('issuer', '=', homeUrl).executeTakeFirst();
  if (other !== undefined)
    return refuse(
      `${homeUrl} is registered as ${other.site_id} already. If this is that site, ask for a token with --site ${other.site_id}; ` +
        'a copy of a site needs a home URL of its own',
    );
  const enrolled = await add(tx, wanted, deps);
  await label(tx, enrolled.siteId, token.labels);
  return enrolled;
}

async function add(tx: Queryable, { request, key, kid, homeUrl }: Wanted, deps: EnrolDeps): Promise<Enrolled> {
  const wantedId = siteIdOf(homeUrl);
  const near = await tx.selectFrom('sites').select('site_id').where('site_id', 'like', `${wantedId}%`).execute();
  const siteId = freeId(wantedId, new Set(near.map(({ site_id }) => site_id)));
  const secret = drawSecret();
  const draft = {
    siteId,
    issuer: homeUrl,
    audience: DEFAULT_AUDIENCE,
    callbackUrl: request.callbackUrl,
    status: 'active' as const,
    settings: {},
    key: { kid, algorithm: key.algorithm, material: key.pem },
  };
  const [change] = await addSites(tx, [{ draft, secret }], { keyring: deps.keyring, actor: 'enrolment' });
  if (change?.kind !== 'changed') throw new Error(`${siteId} could not be registered`);
  return { kind: 'enrolled', siteId, kid, secret, issuer: homeUrl, audience: DEFAULT_AUDIENCE };
}

/** The former key and secret stay valid for the overlap. */
async function renew(
  tx: Queryable,
  site: StoredSite,
  { request, key, kid, homeUrl }: Wanted,
  { keyring, policy, now }: EnrolDeps,
): Promise<Enrolled | EnrolRefusal> {
  if (site.issuer !== homeUrl)
    return refuse(
      `${site.siteId} is registered with the home URL ${site.issuer}. If the site moved, set it first: ` +
        `pressferry sites set ${site.siteId} issuer=${homeUrl}`,
    );
  const othersUntil = new Date(now() + OVERLAP_MS);
  const draft = { kid, algorithm: key.algorithm, material: key.pem };
  const keyChange = await addKey(tx, site, draft, { keyring, othersUntil });
  if (keyChange.kind === 'refused') return refuse(keyChange.why.join('; '));
  const secret = drawSecret();
  const secretChange = await addSecret(tx, site, secret, { keyring, othersUntil });
  if (secretChange.kind === 'refused') return refuse(secretChange.why.join('; '));
  if (request.callbackUrl !== null) await setEndpoint(tx, site, request.callbackUrl, policy);
  await audit(tx, 'enrolment', [site.siteId], { action: 'site.key_add', detail: { kid, until: othersUntil } });
  return { kind: 'enrolled', siteId: site.siteId, kid, secret, issuer: homeUrl, audience: site.audience };
}

/** Adds the token's labels; labels of other names stay. */
async function label(tx: Queryable, siteId: string, labels: Record<string, string>): Promise<void> {
  if (Object.keys(labels).length === 0) return;
  await sql`
    update sites set labels = labels || ${JSON.stringify(labels)}::jsonb, updated_at = now() where site_id = ${siteId}
  `.execute(tx);
}

async function spend(tx: Queryable, tokenHash: string, { siteId, kid }: Enrolled): Promise<void> {
  await tx
    .updateTable('enrolment_tokens')
    .set({ used_at: sql<Date>`coalesce(used_at, now())`, site_id: siteId, kid })
    .where('token_hash', '=', tokenHash)
    .execute();
}
