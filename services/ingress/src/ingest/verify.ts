import {
  type Catalogue,
  drift,
  type Envelope,
  type EventMode,
  envelopeSchema,
  type Fault,
  verifyBodySignature,
} from '@pressferry/contracts';
import { liveSecrets, type Site, type TokenClaims, type TokenRules, verifyToken } from '@pressferry/sites';
import { isRefusal, type Refusal, refuse, refuseSender } from '../model.ts';
import type { RequestHeaders } from './headers.ts';
import { parseBody } from './json.ts';

declare const signed: unique symbol;
declare const verified: unique symbol;

/** Only `verifySender` makes one. */
export interface SignedBody {
  readonly [signed]: true;
  site: Site;
  claims: TokenClaims;
  body: Buffer;
}

/** Passed every check except the replay of its token. Only `verifyEvent` makes one, and only one can be published. */
export interface VerifiedEvent extends SignedBody {
  readonly [verified]: true;
  envelope: Envelope;
  mode: EventMode;
}

export interface VerifyRules extends TokenRules {
  catalogue: Catalogue;
}

export interface VerifyContext {
  nowMs: number;
  rules: VerifyRules;
}

/** Checks the HMAC over the raw bytes, then the token, which costs more. Pure. */
export async function verifySender(
  headers: RequestHeaders,
  body: Buffer,
  site: Site,
  { nowMs, rules }: VerifyContext,
): Promise<SignedBody | Refusal> {
  if (!verifyBodySignature(liveSecrets(site, nowMs), body, headers.signature)) {
    // It may be signed with the secret that this replica cannot open.
    return refuseSender(site.unopenedUntilMs > nowMs ? 'registry_unavailable' : 'signature_mismatch');
  }
  const claims = await verifyToken(headers.token, site, nowMs, rules);
  return typeof claims === 'string' ? refuseSender(claims) : ({ site, claims, body } as SignedBody);
}

/** Checks a signed body, cheapest first, in the order of docs/protocol.md. Pure. */
export function verifyEvent(
  { site, claims, body }: SignedBody,
  idempotencyKey: string,
  { nowMs, rules }: VerifyContext,
): VerifiedEvent | Refusal {
  // Only the site itself learns that it is disabled.
  if (site.status === 'disabled') return refuse('site_disabled');
  const parsed = parseBody(body);
  if (isRefusal(parsed)) return parsed;
  const envelope = checkEnvelope(parsed.object);
  if (isRefusal(envelope)) return envelope;
  if (envelope.idempotency_key !== idempotencyKey) return refuse('idempotency_key_mismatch');
  const mode = checkData(envelope, site, rules.catalogue);
  if (typeof mode !== 'string') return mode;
  const drifted = drift(envelope, nowMs);
  if (drifted !== null) return refuse('timestamp_drift', { errors: [{ pointer: `/${drifted}`, rule: 'drift' }] });
  return { site, claims, envelope, mode, body } as VerifiedEvent;
}

function checkEnvelope(value: Record<string, unknown>): Envelope | Refusal {
  const parsed = envelopeSchema.safeParse(value);
  // The parsed object, because zod's copy drops a member named __proto__, which the fingerprint must see.
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
