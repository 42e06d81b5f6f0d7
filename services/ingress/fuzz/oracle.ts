import { createHmac, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { BUILT_IN_EVENT_TYPES } from '@pressferry/contracts';
import type { SiteRecord } from '@pressferry/sites';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readReference } from './reference-json.ts';

/** A request as it reaches `POST /ingest`, and the world in which it does. */
export interface Case {
  rawHeaders: string[];
  body: Buffer;
  record: SiteRecord;
  /** The client's address. */
  address: string;
  nowMs: number;
  allowHs256: boolean;
  /** What the parts say that a pipeline asks: budget, room for held events, the replay store. */
  world: { withinLimit: boolean; hasRoom: boolean; isFresh: boolean; isReady: boolean };
}

/**
 * Whether an event may be published, by docs/protocol.md alone: written apart from the pipeline that it judges, with node:crypto, JSON
 * Schema and a JSON reader of its own, in no particular order and without regard to speed.
 */
export async function mayBePublished(given: Case): Promise<boolean> {
  const headers = readOnce(given.rawHeaders);
  if (headers === null || !isMediaTypeAllowed(headers)) return false;
  if (given.body.length > 262_144 || Number(headers.get('content-length') ?? 0) > 262_144) return false;
  const { record, world, nowMs, body } = given;
  if (!world.isReady || !world.withinLimit || !world.isFresh) return false;
  if (record.status === 'disabled' || (record.status === 'paused' && !world.hasRoom)) return false;
  if (!isAddressAllowed(given.address, record.settings.ip_allow ?? [])) return false;
  if (!isSigned(headers.get('x-signature') ?? '', body, record, nowMs)) return false;
  if (!isTokenGood(headers.get('authorization') ?? '', given)) return false;
  const event = readEvent(body);
  return (
    event !== null &&
    event.idempotency_key === headers.get('x-idempotency-key') &&
    isDataValid(event, record) &&
    isInTime(event, nowMs)
  );
}

type Event = Record<string, unknown> & {
  event_type: string;
  idempotency_key: string;
  occurred_at: string;
  sent_at?: string;
};

const ONCE = ['authorization', 'content-type', 'content-encoding', 'x-signature', 'x-idempotency-key', 'traceparent'];

function readOnce(rawHeaders: readonly string[]): Map<string, string> | null {
  const pairs = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ''] as const] : [],
  );
  const isRepeated = ONCE.some((name) => pairs.filter(([other]) => other === name).length > 1);
  return isRepeated ? null : new Map(pairs);
}

function isMediaTypeAllowed(headers: ReadonlyMap<string, string>): boolean {
  const [type = '', ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';');
  const charsets = [
    'charset=utf-8',
    'charset="utf-8"',
    'charset=utf8',
    'charset="utf8"',
    'charset="utf-8',
    'charset=utf-8"',
  ];
  const isPlain =
    parameters.length === 0 || (parameters.length === 1 && charsets.includes(parameters[0]?.trim() ?? ''));
  return type.trimEnd() === 'application/json' && isPlain && !headers.has('content-encoding');
}

function isAddressAllowed(address: string, ranges: readonly string[]): boolean {
  if (ranges.length === 0) return true;
  const list = new BlockList();
  for (const range of ranges) {
    const [base = '', bits] = range.split('/');
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

const isLive = (expiresAt: string | null, nowMs: number): boolean =>
  expiresAt === null || new Date(expiresAt).getTime() > nowMs;

/** Secrets stand in the records of these tests as they are, not sealed. */
const isSigned = (signature: string, body: Buffer, { secrets }: SiteRecord, nowMs: number): boolean =>
  secrets
    .filter(({ expires_at }) => isLive(expires_at, nowMs))
    .some((secret) => `sha256=${createHmac('sha256', secret.sealed_secret).update(body).digest('hex')}` === signature);

function isTokenGood(authorization: string, { record, nowMs, allowHs256 }: Case): boolean {
  const [scheme = '', compact = '', ...rest] = authorization.split(/ +/);
  if (scheme.toLowerCase() !== 'bearer' || rest.length > 0 || compact.length > 8_192) return false;
  const parts = compact.split('.');
  if (parts.length !== 3 || parts.some((part) => toBytes(part).toString('base64url') !== part)) return false;
  const [header, claims] = parts.slice(0, 2).map(readObject);
  if (header === undefined || claims === undefined || header.crit !== undefined) return false;
  const key = record.keys.findLast(({ kid, expires_at }) => kid === header.kid && isLive(expires_at, nowMs));
  if (key === undefined || key.algorithm !== header.alg || (key.algorithm === 'HS256' && !allowHs256)) return false;
  return verifies(key, parts) && areClaimsGood(claims, record, nowMs / 1000);
}

const toBytes = (part = ''): Buffer => Buffer.from(part, 'base64url');

function readObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(toBytes(part)));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object(value) : undefined;
  } catch {
    return undefined;
  }
}

function verifies({ algorithm, public_key }: SiteRecord['keys'][number], parts: readonly string[]): boolean {
  const [input, signature] = [Buffer.from(parts.slice(0, 2).join('.')), toBytes(parts[2])];
  if (algorithm === 'HS256') return createHmac('sha256', public_key).update(input).digest().equals(signature);
  const options = { key: createPublicKey(public_key), dsaEncoding: 'ieee-p1363' } as const;
  return verify(algorithm === 'EdDSA' ? null : 'sha256', input, options, signature);
}

function areClaimsGood(claims: Record<string, unknown>, record: SiteRecord, nowS: number): boolean {
  const { iss, sub, aud, iat, exp, nbf = 1, jti } = claims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (iss !== record.issuer || sub !== record.site_id || !audiences.includes(record.audience)) return false;
  if (typeof jti !== 'string' || !/^[A-Za-z0-9._~:-]+$/.test(jti) || jti.length > 128) return false;
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof nbf !== 'number') return false;
  const isForm = iat > 0 && exp > iat && exp - iat <= 300 && nbf > 0;
  return isForm && iat <= nowS + 60 && nbf <= nowS + 60 && exp > nowS - 60;
}

const INSTANT = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$';
const ajv = formats.default(new Ajv2020({ strict: false, ownProperties: true }));
const isEnvelope = ajv.compile({
  type: 'object',
  required: ['event_type', 'object_ref', 'idempotency_key', 'occurred_at', 'data'],
  additionalProperties: false,
  properties: {
    event_type: { type: 'string' },
    object_ref: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' },
    idempotency_key: {
      type: 'string',
      pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
    },
    occurred_at: { type: 'string', pattern: INSTANT },
    sent_at: { type: 'string', pattern: INSTANT },
    data: { type: 'object' },
  },
});

function readEvent(body: Buffer): Event | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
  const read = readReference(text);
  if (read.kind === 'invalid' || !read.isObject || read.repeats || !read.isInteroperable) return null;
  if (read.depth > 32 || read.members > 20_000) return null;
  const event: unknown = JSON.parse(text);
  return isEnvelope(event) ? (event as unknown as Event) : null;
}

const schemas = new Map(
  readdirSync(BUILT_IN_EVENT_TYPES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [
      name.slice(0, -'.json'.length),
      JSON.parse(readFileSync(join(BUILT_IN_EVENT_TYPES, name), 'utf8')),
    ]),
);
const validators = new Map([...schemas].map(([type, schema]) => [type, ajv.compile(schema)]));

/** A valid `data` of each event type. */
export const SAMPLES: ReadonlyMap<string, Record<string, unknown>> = new Map(
  [...schemas].map(([type, { examples }]) => [type, examples[0]]),
);

function isDataValid({ event_type, data }: Event, { settings }: SiteRecord): boolean {
  const isOff = settings.event_types?.[event_type] === 'off';
  return !isOff && validators.get(event_type)?.(data) === true;
}

function isInTime({ occurred_at, sent_at }: Event, nowMs: number): boolean {
  const ms = (instant: string): number => {
    const seconds = instant.slice(0, 19);
    const date = new Date(`${seconds}Z`);
    // A day that no calendar has is not a time.
    return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(seconds) ? Date.parse(instant) : Number.NaN;
  };
  const isNear = (instant: string): boolean => Math.abs(ms(instant) - nowMs) <= 300_000;
  if (sent_at === undefined) return isNear(occurred_at);
  return isNear(sent_at) && nowMs - ms(occurred_at) <= 72 * 3_600_000 && ms(occurred_at) - nowMs <= 300_000;
}
