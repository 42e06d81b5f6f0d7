import { createHash, randomUUID } from 'node:crypto';
import {
  type Answer,
  type Call,
  type ErrorDetail,
  hasBearer,
  jsonAnswer,
  type VendorEndpoint,
  withHeaders,
} from '../endpoints.ts';
import { type Json, member } from '../json.ts';

const MAX_INPUTS = 100;
const RATE_HEADERS = {
  'x-hubspot-ratelimit-max': '100',
  'x-hubspot-ratelimit-remaining': '99',
  'x-hubspot-ratelimit-interval-milliseconds': '10000',
};

/**
 * The contacts' batch upsert, and a single creation, which answers 409 for an existing one. Contacts are remembered: a
 * second upsert answers `new: false`.
 */
export function hubSpotContacts(): { contacts: VendorEndpoint; contact: VendorEndpoint; reset: () => void } {
  const createdAt = new Map<string, string>();
  const common = {
    method: 'POST' as const,
    unauthorized: (call: Call) => (hasBearer(call) ? undefined : hubSpotError(401)),
    error: (status: number, detail?: ErrorDetail) => withHeaders(hubSpotError(status, detail), RATE_HEADERS),
  };
  return {
    contacts: {
      ...common,
      path: '/crm/v3/objects/contacts/batch/upsert',
      answer: (call) => withHeaders(upsert(call, createdAt), RATE_HEADERS),
    },
    contact: {
      ...common,
      path: '/crm/v3/objects/contacts',
      answer: (call) => withHeaders(create(call, createdAt), RATE_HEADERS),
    },
    reset: () => createdAt.clear(),
  };
}

function create({ body }: Call, createdAt: Map<string, string>): Answer {
  const properties = member(body, 'properties');
  const email = member(properties, 'email');
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    return hubSpotError(400, { message: 'Invalid input JSON: properties is required' });
  const input = { id: String(email ?? randomUUID()), idProperty: 'email', properties, traceId: undefined };
  const fault = email === undefined ? undefined : faultOf(input);
  if (fault !== undefined) return hubSpotError(400, { message: fault });
  const known = createdAt.has(keyOf(input));
  const stored = store(input, createdAt);
  if (known) return hubSpotError(409, { message: `Contact already exists. Existing ID: ${stored.id}` });
  const { new: _new, ...contact } = stored;
  return jsonAnswer(201, contact, true);
}

interface Input {
  id: string;
  idProperty: string;
  properties: { [name: string]: Json };
  traceId: string | undefined;
}

function upsert({ body }: Call, createdAt: Map<string, string>): Answer {
  const raw = member(body, 'inputs');
  if (!Array.isArray(raw) || raw.length === 0)
    return hubSpotError(400, { message: 'Some required fields were not set: [inputs]' });
  if (raw.length > MAX_INPUTS) return hubSpotError(400, { message: `The maximum number of inputs is ${MAX_INPUTS}` });
  const inputs = raw.map(readInput);
  const keys = inputs.map((input) => input && keyOf(input));
  const twice = keys.findIndex((key, index) => key !== undefined && keys.indexOf(key) < index);
  if (twice >= 0)
    return hubSpotError(400, {
      message: `Duplicate IDs found in batch input: [${inputs[twice]?.id}]. IDs must be unique`,
    });
  const faults = inputs.flatMap((input) => (input && faultOf(input) === undefined ? [] : [input]));
  // HubSpot reports single inputs only if each carries an objectWriteTraceId; else it refuses the batch.
  const separable = inputs.every((input) => input?.traceId !== undefined);
  const firstFault = faults[0];
  if (faults.length > 0 && !separable)
    return hubSpotError(400, { message: (firstFault && faultOf(firstFault)) ?? 'Invalid input JSON' });

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

const keyOf = ({ id, idProperty }: Input): string => `${idProperty}:${id.toLowerCase()}`;

function store({ id, idProperty, properties, traceId }: Input, createdAt: Map<string, string>) {
  const key = keyOf({ id, idProperty, properties, traceId });
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
  409: { category: 'CONFLICT', message: 'Contact already exists.' },
  423: { category: 'LOCKED', message: 'The resource is locked.' },
};
/** HubSpot's names of the policies of a 429. */
const POLICIES: Record<string, string> = {
  TEN_SECONDLY_ROLLING: 'You have reached your ten_secondly_rolling limit.',
  SECONDLY: 'You have reached your secondly limit.',
  DAILY: 'You have reached your daily limit.',
};

function hubSpotError(status: number, { message, code = 'TEN_SECONDLY_ROLLING' }: ErrorDetail = {}): Answer {
  const limited = { category: 'RATE_LIMITS', message: POLICIES[code] ?? '' };
  const known = status === 429 ? limited : CATEGORIES[status];
  const said = known ?? { category: 'INTERNAL_ERROR', message: '[simulated] internal error' };
  const policy = status === 429 ? { errorType: 'RATE_LIMIT', policyName: code } : {};
  return jsonAnswer(status, {
    ...{ status: 'error', ...said, ...(message ? { message } : {}), correlationId: randomUUID(), ...policy },
  });
}
