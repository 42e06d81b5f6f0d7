import { isSiteId } from '@pressferry/contracts';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'HS256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const instant = z.iso.datetime();

/** An address or CIDR range in its usual form; refuses `10` and `010.0.0.1`, which `inet_aton` accepts. */
export const isRange = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) ||
  ipaddr.IPv4.isValidCIDRFourPartDecimal(text) ||
  ipaddr.IPv6.isValid(text) ||
  ipaddr.IPv6.isValidCIDR(text);

const cidr = z.string().refine(isRange, 'must be an address or a CIDR range');

/** Absent members take the deployment's defaults. */
export const siteSettingsSchema = z.strictObject({
  /** Requests per minute, and the burst above that rate, per `sub`. 0 lifts the limit. */
  rate_limit: z.strictObject({ per_minute: z.int().min(0), burst: z.int().min(0).optional() }).optional(),
  /** Addresses or CIDR ranges; absent or empty means any. */
  ip_allow: z.array(cidr).optional(),
  event_types: z.record(z.string(), z.enum(['live', 'dry_run', 'off'])).optional(),
  max_held_events: z.int().min(0).optional(),
});

export type SiteSettings = z.infer<typeof siteSettingsSchema>;

/** One JSON value in the KV bucket `sites`, under the site id, with sealed secrets. */
export const siteRecordSchema = z.object({
  site_id: z.string().refine(isSiteId, 'is not a site id'),
  status: z.enum(['active', 'paused', 'disabled']),
  paused_at: instant.nullish(),
  issuer: z.string().min(1),
  audience: z.string().min(1),
  callback_url: z.string().nullable(),
  keys: z.array(
    z.object({
      kid: z.string().min(1),
      algorithm: z.enum(ALGORITHMS),
      public_key: z.string(),
      expires_at: instant.nullable(),
    }),
  ),
  /** Newest first. */
  secrets: z.array(z.object({ sealed_secret: z.string(), expires_at: instant.nullable() })),
  settings: siteSettingsSchema,
});

export type SiteRecord = z.infer<typeof siteRecordSchema>;

/** Sealing context: a sealed secret copied to another site does not open. */
export const secretContext = (siteId: string): string => `site-secret:${siteId}`;
