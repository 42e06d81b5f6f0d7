import { createHash, randomUUID } from 'node:crypto';
import { type Answer, type Call, jsonAnswer, type VendorEndpoint } from './endpoints.ts';
import { type Json, member } from './json.ts';

const MAX_INPUTS = 100;
const RATE_HEADERS = {
  'x-hubspot-ratelimit-max': '100',
  'x-hubspot-ratelimit-remaining': '99',
  'x-hubspot-ratelimit-interval-milliseconds': '10000',
};

/** Makes HubSpot's batch upsert of contacts; contacts are remembered, so that a second upsert answers `new: false`. */
export function contactsUpsert(): VendorEndpoint & { reset: () => void } {
  const createdAt = new Map<string, string>();
  return {
    method: 'POST',
    path: '/crm/v3/objects/contacts/batch/upsert',
    needsBearer: true,
    answer: (call) => withRateHeaders(upsert(call, createdAt)),
    error: (status, message) => withRateHeaders(hubSpotError(status, message)),
    reset: () => createdAt.clear(),
  };
}

interface Input {
  id: string;
  idProperty: string;
  properties: { [name: string]: Json };
  traceId: string | undefined;
}

function upsert({ body }: Call, createdAt: Map<string, string>): Answer {
  const raw = member(body, 'inputs');
  if (!Array.isArray(raw) || raw.length === 0) return hubSpotError(400, 'Some required fields were not set: [inputs]');
  if (raw.length > MAX_INPUTS) return hubSpotError(400, `The maximum number of inputs is ${MAX_INPUTS}`);
  const inputs = raw.map(readInput);
  const faults = inputs.flatMap((input) => (input && faultOf(input) === undefined ? [] : [input]));
  // HubSpot tells good inputs from bad ones only when each carries an objectWriteTraceId; else it refuses the batch.
  const separable = inputs.every((input) => input?.traceId !== undefined);
  const firstFault = faults[0];
  if (faults.length > 0 && !separable)
    return hubSpotError(400, (firstFault && faultOf(firstFault)) ?? 'Invalid input JSON');

  const startedAt = new Date().toISOString();
  const good = inputs.filter((input): input is Input => input !== undefined && !faults.includes(input));
  const results = good.map((input) => store(input, createdAt));
  const batch = { status: 'COMPLETE', results, startedAt, completedAt: new Date().toISOString() };
  if (faults.length === 0) return jsonAnswer(200, batch, true);
  const errors = faults.map((input) => ({
    status: 'error',
    category: 'VALIDATION_ERROR',
    message: (input && faultOf(input)) ?? 'Invalid input JSON',
    context: { objectWriteTraceId: [input?.traceId] },
    errors: [],
    links: {},
  }));
  return jsonAnswer(207, { ...batch, numErrors: errors.length, errors }, results.length > 0);
}

function readInput(raw: Json): Input | undefined {
  const [id, idProperty, properties] = [member(raw, 'id'), member(raw, 'idProperty'), member(raw, 'properties')];
  if (typeof id !== 'string' || typeof properties !== 'object' || properties === null || Array.isArray(properties))
    return;
  const traceId = member(raw, 'objectWriteTraceId');
  return {
    id,
    idProperty: typeof idProperty === 'string' ? idProperty : 'hs_object_id',
    properties,
    traceId: typeof traceId === 'string' ? traceId : undefined,
  };
}

function faultOf({ id, idProperty, properties }: Input): string | undefined {
  const email = idProperty === 'email' ? id : properties.email;
  const isEmail = typeof email === 'string' && /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(email);
  if (email !== undefined && !isEmail)
    return 'Property values were not valid: email is not a valid email address (INVALID_EMAIL)';
  return undefined;
}

function store({ id, idProperty, properties, traceId }: Input, createdAt: Map<string, string>) {
  const key = `${idProperty}:${id.toLowerCase()}`;
  const isNew = !createdAt.has(key);
  const now = new Date().toISOString();
  const created = createdAt.get(key) ?? now;
  createdAt.set(key, created);
  const objectId = String(Number.parseInt(createHash('sha256').update(key).digest('hex').slice(0, 10), 16));
  const own = { hs_object_id: objectId, createdate: created, lastmodifieddate: now };
  return {
    id: objectId,
    properties: { [idProperty]: id, ...properties, ...own },
    createdAt: created,
    updatedAt: now,
    archived: false,
    new: isNew,
    ...(traceId ? { objectWriteTraceId: traceId } : {}),
  };
}

const CATEGORIES: Record<number, { category: string; message: string }> = {
  400: { category: 'VALIDATION_ERROR', message: 'Invalid input JSON' },
  401: { category: 'INVALID_AUTHENTICATION', message: 'Authentication credentials not found.' },
  403: { category: 'MISSING_SCOPES', message: 'This app has not been granted all required scopes.' },
  429: { category: 'RATE_LIMITS', message: 'You have reached your ten_secondly_rolling limit.' },
};

function hubSpotError(status: number, message?: string): Answer {
  const known = CATEGORIES[status] ?? { category: 'INTERNAL_ERROR', message: '[simulated] internal error' };
  const policy = status === 429 ? { errorType: 'RATE_LIMIT', policyName: 'TEN_SECONDLY_ROLLING' } : {};
  const body = { status: 'error', ...known, ...(message ? { message } : {}), correlationId: randomUUID(), ...policy };
  return jsonAnswer(status, body);
}

function withRateHeaders(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, ...RATE_HEADERS } };
}
