import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../read.ts';

/** Tells an enrolment token from any other secret, for people and for scanners. */
const PREFIX = 'pfe1_';
const TOKEN = /^pfe1_[A-Za-z0-9_-]{43}$/;

/** What a batch of tokens is for. */
export interface TokenOrder {
  count: number;
  expiresAt: Date;
  /** Kept with the token, for people: `{ customer: 'acme' }`. */
  labels: Readonly<Record<string, string>>;
  /** The site that the token enrols again; undefined for a new site. */
  siteId?: string | undefined;
}

/** Makes one-time tokens; they are returned once and stored as hashes only. */
export async function makeTokens(tx: Queryable, { count, expiresAt, labels, siteId }: TokenOrder): Promise<string[]> {
  const tokens = Array.from({ length: count }, () => PREFIX + randomBytes(32).toString('base64url'));
  await tx
    .insertInto('enrolment_tokens')
    .values(
      tokens.map((token) => ({
        token_hash: hashOf(token),
        for_site_id: siteId ?? null,
        labels: JSON.stringify(labels),
        expires_at: expiresAt,
      })),
    )
    .execute();
  return tokens;
}

/** Removes tokens that no site has used, by their hashes; returns how many. A used one stays: it tells which site it made. */
export async function revokeTokens(tx: Queryable, tokens: readonly string[]): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('enrolment_tokens')
    .where('token_hash', 'in', tokens.map(hashOf))
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** True for a text that has the form of a token; whether it is one, only its hash tells. */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** The hash of a token: it is stored, and a proof of possession names it. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
