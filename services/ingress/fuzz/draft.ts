import { createHmac, randomUUID, sign } from 'node:crypto';
import type { SiteRecord } from '@pressferry/sites';
import { ecKeyPair, edKeyPair, rsaKeyPair } from '@pressferry/testing/signing';
import { type Case, SAMPLES } from './oracle.ts';

export const NOW_MS = Date.UTC(2026, 10, 24, 8);
export const NOW_S = NOW_MS / 1000;
export const SECRET = 'the secret of the harbour – Œuvre';
const HS256_SECRET = 'a shared secret of thirty-two bytes, or more';
const PAIRS = { RS256: rsaKeyPair(0), ES256: ecKeyPair(0), EdDSA: edKeyPair(0) };
export type Alg = keyof typeof PAIRS | 'HS256';
export const ALGS: readonly Alg[] = ['RS256', 'ES256', 'EdDSA', 'HS256'];

/** A request while it is still being made; each mutation changes it at one layer, before or after it is signed. */
export interface Draft extends Omit<Case, 'rawHeaders' | 'body'> {
  alg: Alg;
  event: Record<string, unknown>;
  respell: ((json: string) => string)[];
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signature: ((bytes: Buffer) => Buffer)[];
  secret: string;
  headers: ((headers: string[]) => string[])[];
  tamper: ((body: Buffer) => Buffer)[];
}

const recordOf = (): SiteRecord => ({
  site_id: 'harbour',
  status: 'active',
  issuer: 'https://harbour.example',
  audience: 'pressferry',
  callback_url: null,
  keys: ALGS.map((algorithm) => ({
    kid: algorithm,
    algorithm,
    public_key: algorithm === 'HS256' ? HS256_SECRET : PAIRS[algorithm].publicPem,
    expires_at: null,
  })),
  secrets: [{ sealed_secret: SECRET, expires_at: null }],
  settings: {},
});

/** A valid event of a type, to be signed with an algorithm. */
export function draftOf(alg: Alg, eventType: string): Draft {
  return {
    alg,
    record: recordOf(),
    address: '198.51.100.7',
    nowMs: NOW_MS,
    allowHs256: true,
    world: { withinLimit: true, hasRoom: true, isFresh: true, isReady: true },
    event: {
      event_type: eventType,
      object_ref: '17',
      idempotency_key: randomUUID(),
      occurred_at: new Date(NOW_MS).toISOString(),
      data: SAMPLES.get(eventType) ?? {},
    },
    respell: [],
    header: { alg, typ: 'JWT', kid: alg },
    claims: {
      iss: 'https://harbour.example',
      sub: 'harbour',
      aud: 'pressferry',
      iat: NOW_S,
      exp: NOW_S + 120,
      jti: randomUUID(),
    },
    signature: [],
    secret: SECRET,
    headers: [],
    tamper: [],
  };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signatureOf(alg: Alg, input: string): Buffer {
  if (alg === 'HS256') return createHmac('sha256', HS256_SECRET).update(input).digest();
  const key = { key: PAIRS[alg].privateKey, dsaEncoding: 'ieee-p1363' as const };
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key);
}

const through = <T>(value: T, changes: readonly ((value: T) => T)[]): T =>
  changes.reduce((current, change) => change(current), value);

/** Signs a draft, token and body, and does to it what is to be done afterwards. */
export function finish(draft: Draft): Case {
  const signed = Buffer.from(through(JSON.stringify(draft.event), draft.respell));
  const input = `${encode(draft.header)}.${encode(draft.claims)}`;
  const token = `${input}.${through(signatureOf(draft.alg, input), draft.signature).toString('base64url')}`;
  const headers = [
    ...['Host', 'ingress.example', 'Content-Type', 'application/json', 'Authorization', `Bearer ${token}`],
    ...['X-Signature', `sha256=${createHmac('sha256', draft.secret).update(signed).digest('hex')}`],
    ...['X-Idempotency-Key', String(draft.event.idempotency_key)],
    ...['Content-Length', String(signed.length)],
  ];
  const { record, address, nowMs, allowHs256, world } = draft;
  const body = through(signed, draft.tamper);
  return { rawHeaders: through(headers, draft.headers), body, record, address, nowMs, allowHs256, world };
}
