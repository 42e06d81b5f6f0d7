import { createSecretKey } from 'node:crypto';
import { DEFAULT_AUDIENCE, isSiteId } from '@pressferry/contracts';
import {
  ALGORITHMS,
  type Algorithm,
  keyFault,
  type SiteRecord,
  type SiteSettings,
  siteSettingsSchema,
} from '@pressferry/sites';
import { type CallbackPolicy, callbackUrlFault } from './callback-url.ts';
import { readPublicKey } from './public-key.ts';
import type { KnownEventTypes } from './settings.ts';

export interface Rules extends CallbackPolicy {
  /** ALLOW_HS256 */
  allowHs256: boolean;
  eventTypes: KnownEventTypes;
}

/** As someone gives it: a public key, or a secret for HS256. */
export interface KeyInput {
  kid: string;
  algorithm?: string | undefined;
  text: string;
}

/** Usable by services. */
export interface KeyDraft {
  kid: string;
  algorithm: Algorithm;
  /** SPKI PEM; the secret itself for HS256. */
  material: string;
}

/** As someone gives it. */
export interface SiteInput {
  siteId: string;
  issuer: string;
  audience?: string | undefined;
  callbackUrl?: string | undefined;
  status?: string | undefined;
  settings?: unknown;
  key: KeyInput;
}

/** Usable by services. */
export interface SiteDraft {
  siteId: string;
  issuer: string;
  audience: string;
  callbackUrl: string | null;
  status: SiteRecord['status'];
  settings: SiteSettings;
  key: KeyDraft;
}

const MAX_NAME_CHARS = 512;
const MAX_KID_CHARS = 128;
const STATUSES = ['active', 'paused', 'disabled'] as const;

/** Refuses, with the remedy, a key that services could not use. */
export function checkKey(
  { kid, algorithm, text }: KeyInput,
  rules: Pick<Rules, 'allowHs256'>,
): KeyDraft | { refused: string } {
  if (kid === '' || kid.length > MAX_KID_CHARS || /\p{Cc}/u.test(kid))
    return { refused: `the key id must have 1 to ${MAX_KID_CHARS} characters, none of them a control character` };
  if (algorithm !== undefined && !isAlgorithm(algorithm))
    return { refused: `there is no algorithm ${algorithm}: use ${ALGORITHMS.join(', ')}` };
  if (algorithm !== 'HS256') {
    const key = readPublicKey(text, algorithm);
    return 'refused' in key
      ? { refused: `the key ${key.refused}` }
      : { kid, algorithm: key.algorithm, material: key.pem };
  }
  if (!rules.allowHs256)
    return { refused: 'HS256 is off: set ALLOW_HS256=true in ingress, in callback and here, or register a public key' };
  const material = text.replace(/\r?\n$/, '');
  const fault = material === '' ? 'is empty' : keyFault(createSecretKey(material, 'utf8'), 'HS256');
  return fault === null ? { kid, algorithm, material } : { refused: `the key ${fault}` };
}

/** Checks everything before anything is written; returns every fault. */
export function checkSite(input: SiteInput, rules: Rules): { draft: SiteDraft } | { refused: string[] } {
  const { siteId, issuer, audience = DEFAULT_AUDIENCE, callbackUrl, status = 'active', settings = {} } = input;
  const faults: string[] = [];
  if (!isSiteId(siteId)) faults.push(`"${siteId}" is not a site id: 1 to 63 of a-z, 0-9, _ and -, lower case`);
  for (const [name, value] of Object.entries({ issuer, audience })) {
    const fault = nameFault(value);
    if (fault !== null) faults.push(`${name} ${fault}`);
  }
  const urlFault = callbackUrl === undefined ? null : callbackUrlFault(callbackUrl, rules);
  if (urlFault !== null) faults.push(`the callback URL ${urlFault}`);
  if (!isStatus(status)) faults.push(`there is no status ${status}: use ${STATUSES.join(', ')}`);
  const parsed = siteSettingsSchema.safeParse(settings);
  faults.push(...(parsed.error?.issues ?? []).map(({ path, message }) => `settings.${path.join('.')}: ${message}`));
  for (const type of Object.keys(parsed.data?.event_types ?? {})) {
    if (!rules.eventTypes.has(type)) faults.push(`settings.event_types: there is no event type ${type}`);
  }
  const key = checkKey(input.key, rules);
  if ('refused' in key) faults.push(key.refused);
  if (faults.length > 0 || 'refused' in key || parsed.data === undefined || !isStatus(status))
    return { refused: faults };
  return {
    draft: { siteId, issuer, audience, callbackUrl: callbackUrl ?? null, status, settings: parsed.data, key },
  };
}

/** Why an issuer or an audience is refused: tokens must carry exactly this text. */
export function nameFault(value: string): string | null {
  if (value === '') return 'is empty';
  if (value.length > MAX_NAME_CHARS) return `is longer than ${MAX_NAME_CHARS} characters`;
  return /[\s\p{Cc}]/u.test(value) ? 'holds a blank or a control character' : null;
}

const isAlgorithm = (text: string): text is Algorithm => (ALGORITHMS as readonly string[]).includes(text);
const isStatus = (text: string): text is SiteDraft['status'] => (STATUSES as readonly string[]).includes(text);
