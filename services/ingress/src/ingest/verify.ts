import {
  type Catalogue,
  drift,
  type Envelope,
  type EventMode,
  envelopeSchema,
  type Fault,
  isUsualEnvelope,
  verifyBodySignature,
} from '@pressferry/contracts';
import { liveSecrets, type Site, type TokenClaims, type TokenRules, verifyToken } from '@pressferry/sites';
import { isRefusal, type Refusal, refuse } from '../http/refusal.ts';
import type { RequestHeaders } from './headers.ts';
import { parseBody } from './json.ts';

declare const verified: unique symbol;

/** An event that passed every check but the replay of its token. Only `verifyEvent` makes one, and only one can be published. */
export interface VerifiedEvent {
  readonly [verified]: true;
  site: Site;
  claims: TokenClaims;
  envelope: Envelope;
  mode: EventMode;
  body: Buffer;
}

export interface VerifyRules extends TokenRules {
  catalogue: Catalogue;
}

/**
 * The checks of a signed request, cheapest first (docs/protocol.md gives the order and why): HMAC over the raw bytes, token,
 * UTF-8 and JSON, envelope, `data`, drift. Pure: all it needs is handed in.
 */
export function verifyEvent(
  headers: RequestHeaders,
  body: Buffer,
  context: { site: Site; nowMs: number; rules: VerifyRules },
): VerifiedEvent | Refusal {
  const { site, nowMs, rules } = context;
  if (!verifyBodySignature(liveSecrets(site, nowMs), body, headers.signature)) return refuse('signature_mismatch');
  const claims = verifyToken(headers.token, site, nowMs, rules);
  if (typeof claims === 'string') return refuse(claims);
  // Told only to the site itself, so that nobody else learns which sites are disabled.
  if (site.status === 'disabled') return refuse('site_disabled');
  const parsed = parseBody(body);
  if (isRefusal(parsed)) return parsed;
  const envelope = checkEnvelope(parsed.object);
  if (isRefusal(envelope)) return envelope;
  if (envelope.idempotency_key !== headers.idempotencyKey) return refuse('idempotency_key_mismatch');
  const mode = checkData(envelope, site, rules.catalogue);
  if (typeof mode !== 'string') return mode;
  const drifted = drift(envelope, nowMs);
  if (drifted !== null) return refuse('timestamp_drift', { errors: [{ pointer: `/${drifted}`, rule: 'drift' }] });
  return { site, claims, envelope, mode, body } as VerifiedEvent;
}

function checkEnvelope(value: Record<string, unknown>): Envelope | Refusal {
  if (isUsualEnvelope(value)) return value as unknown as Envelope;
  const parsed = envelopeSchema.safeParse(value);
  // The object as it was parsed, not zod's copy: that drops a member named __proto__, which the fingerprint must see.
  if (parsed.success) return value as unknown as Envelope;
  const errors: Fault[] = parsed.error.issues.slice(0, 10).map(({ code, path }) => ({
    pointer: path.map((part) => `/${String(part)}`).join(''),
    rule: code,
  }));
  return refuse('envelope_invalid', { errors });
}

function checkData(envelope: Envelope, site: Site, catalogue: Catalogue): EventMode | Refusal {
  const type = catalogue.get(envelope.event_type);
  if (type === undefined)
    return refuse('event_type_unknown', { errors: [{ pointer: '/event_type', rule: 'catalogue' }] });
  const mode = site.settings.event_types?.[envelope.event_type] ?? type.mode;
  if (mode === 'off') return refuse('event_type_off');
  const errors = type.check(envelope.data);
  return errors.length === 0 ? mode : refuse('data_invalid', { errors });
}
