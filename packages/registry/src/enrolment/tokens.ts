import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../read.ts';

/** Marks an enrolment token for people and secret scanners. */
const PREFIX = 'pfe1_';
const TOKEN = /^pfe1_[A-Za-z0-9_-]{43}$/;

export interface TokenOrder {
  count: number;
  expiresAt: Date;
  /** Kept with the token, for people: `{ customer: 'acme' }`. */
  labels: Readonly<Record<string, string>>;
  /** The site to enrol again; undefined for a new one. */
  siteId?: string | undefined;
}

/** One-time tokens, returned once and stored as hashes. */
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

/** Removes unused tokens by their hashes; returns how many. A used one stays as the record of its site. */
export async function revokeTokens(tx: Queryable, tokens: readonly string[]): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('enrolment_tokens')
    .where('token_hash', 'in', tokens.map(hashOf))
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** Checks the form only. */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** It is stored, and a proof of possession names it. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
