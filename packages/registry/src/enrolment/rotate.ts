import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';
import { sql } from 'kysely';
import { audit } from '../changes/change.ts';
import { addKey } from '../changes/keys.ts';
import { addSecret } from '../changes/secrets.ts';
import { readPublicKey } from '../check/public-key.ts';
import { drawSecret } from '../check/secret.ts';
import type { KeyDraft } from '../check/site.ts';
import { type Queryable, readSite, type StoredSite } from '../read.ts';
import { kidOf, OVERLAP_MS, PROOF_DETAILS } from './enrol.ts';
import { proofFault } from './proof.ts';

/** An authenticated site's new key, new secret or both. */
export interface RotateRequest {
  /** SPKI PEM, and a proof signed with the new private key; see `proofFault`. */
  key?: { publicKey: string; proof: string } | undefined;
  secret: boolean;
}

export type Rotated = { kind: 'rotated'; kid?: string; secret?: string; formerUntil: Date };
/** `detail` names the remedy and holds nothing secret. */
export interface SiteRefusal {
  kind: 'refused';
  detail: string;
}
export const refusal = (detail: string): SiteRefusal => ({ kind: 'refused', detail });

export interface RotateDeps {
  db: Database;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  now: () => number;
}

/** The former key and secret stay valid for a day. Does not publish: call `publishSite` afterwards. */
export async function rotate(
  siteId: string,
  request: RotateRequest,
  { db, keyring, now }: RotateDeps,
): Promise<Rotated | SiteRefusal> {
  if (request.key === undefined && !request.secret) return refusal('name a key, or a secret, to be replaced');
  return db.transaction().execute(async (tx) => {
    const site = await locked(tx, siteId);
    if (site === undefined) return refusal(`the site ${siteId} is not registered any more`);
    const draft = request.key === undefined ? undefined : await draftOf(request.key, site, now());
    if (draft !== undefined && 'kind' in draft) return draft;
    const othersUntil = new Date(now() + OVERLAP_MS);
    if (draft !== undefined) {
      const change = await addKey(tx, site, draft, { keyring, othersUntil });
      if (change.kind === 'refused') return refusal(change.why.join('; '));
    }
    const secret = request.secret ? drawSecret() : undefined;
    if (secret !== undefined) {
      const change = await addSecret(tx, site, secret, { keyring, othersUntil });
      if (change.kind === 'refused') return refusal(change.why.join('; '));
    }
    const detail = { ...(draft && { kid: draft.kid }), secret: request.secret, until: othersUntil };
    await audit(tx, `site ${siteId}`, [siteId], { action: 'site.rotate', detail });
    return {
      kind: 'rotated',
      ...(draft && { kid: draft.kid }),
      ...(secret !== undefined && { secret }),
      formerUntil: othersUntil,
    };
  });
}

/** With a row lock. */
export async function locked(tx: Queryable, siteId: string): Promise<StoredSite | undefined> {
  await sql`select from sites where site_id = ${siteId} for update`.execute(tx);
  return readSite(tx, siteId);
}

async function draftOf(
  { publicKey, proof }: { publicKey: string; proof: string },
  site: StoredSite,
  nowMs: number,
): Promise<KeyDraft | SiteRefusal> {
  const key = readPublicKey(publicKey);
  if ('refused' in key) return refusal(`the public key ${key.refused}`);
  const fault = await proofFault(proof, key, { homeUrl: site.issuer, subject: site.siteId, nowMs });
  if (fault !== null) return refusal(PROOF_DETAILS[fault]);
  return { kid: kidOf(key), algorithm: key.algorithm, material: key.pem };
}
