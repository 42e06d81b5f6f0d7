import { createHash } from 'node:crypto';
import { type Answer, type Call, type ErrorDetail, hasBearer, jsonAnswer, type VendorEndpoint } from '../endpoints.ts';
import { type Json, member } from '../json.ts';

/**
 * Upsert by external id: 201 with `created` for a new record, 200 (204 before version 46) for a known one, 300 with the
 * records if several have the id. Errors are lists.
 */
export function salesforceUpsert(): VendorEndpoint & { reset: () => void } {
  const known = new Set<string>();
  return {
    method: 'PATCH',
    path: '/salesforce/services/data/:version/sobjects/:object/:field/:value',
    unauthorized: (call) => (hasBearer(call) ? undefined : salesforceError(401)),
    answer: (call) => upsert(call, known),
    error: salesforceError,
    reset: () => known.clear(),
  };
}

const OBJECTS = new Set(['Account', 'Contact', 'Lead', 'Opportunity']);
const LONGEST_EMAIL = 80;

function upsert({ body, params }: Call, known: Set<string>): Answer {
  const { version = '', object = '', field = '', value = '' } = params;
  const release = Number(/^v(\d{2})\.0$/.exec(version)?.[1] ?? 0);
  const isField = field === 'Id' || /^[A-Za-z][A-Za-z0-9_]*__c$/.test(field);
  if (release < 20 || !OBJECTS.has(object) || !isField)
    return salesforceError(404, { code: 'NOT_FOUND', message: 'The requested resource does not exist' });
  const fault = faultOf(body, { object, field });
  if (fault !== undefined) return salesforceError(400, fault);
  // A value that the org has twice.
  if (value.startsWith('twice'))
    return jsonAnswer(
      300,
      [1, 2].map((n) => `/services/data/${version}/sobjects/${object}/${idOf(object, `${value}${n}`)}`),
    );
  const key = `${object} ${field} ${value.toLowerCase()}`;
  const created = !known.has(key);
  known.add(key);
  if (!created && release < 46) return { status: 204, chunks: [], effect: true };
  const done = { id: idOf(object, key), success: true, errors: [], ...(release < 46 ? {} : { created }) };
  return jsonAnswer(created ? 201 : 200, done, true);
}

const REQUIRED: Record<string, string[]> = {
  Account: ['Name'],
  Contact: ['LastName'],
  Lead: ['LastName', 'Company'],
  Opportunity: ['Name', 'StageName', 'CloseDate'],
};

function faultOf(body: Json, { object, field }: { object: string; field: string }): SalesforceFault | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { code: 'JSON_PARSER_ERROR', message: 'Unexpected character at [line:1, column:1]' };
  if (member(body, field) !== undefined)
    return {
      code: 'INVALID_FIELD',
      message: `The ${field} field should not be specified in the sobject data.`,
      fields: [field],
    };
  if (member(body, 'Id') !== undefined)
    return {
      code: 'INVALID_FIELD',
      message: 'The Id field should not be specified in the sobject data.',
      fields: ['Id'],
    };
  const missing = (REQUIRED[object] ?? []).filter((name) => [undefined, null, ''].includes(member(body, name) as null));
  if (missing.length > 0)
    return {
      code: 'REQUIRED_FIELD_MISSING',
      message: `Required fields are missing: [${missing.join(', ')}]`,
      fields: missing,
    };
  const email = member(body, 'Email');
  if (typeof email === 'string' && !/^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(email))
    return { code: 'INVALID_EMAIL_ADDRESS', message: `Email: invalid email address: ${email}`, fields: ['Email'] };
  if (typeof email === 'string' && email.length > LONGEST_EMAIL)
    return {
      code: 'STRING_TOO_LONG',
      message: `Email: data value too large: ${email} (max length=${LONGEST_EMAIL})`,
      fields: ['Email'],
    };
  return undefined;
}

const PREFIXES: Record<string, string> = { Account: '001', Contact: '003', Opportunity: '006', Lead: '00Q' };
const idOf = (object: string, key: string): string =>
  `${PREFIXES[object]}${createHash('sha256').update(key).digest('hex').slice(0, 12).toUpperCase()}AAA`;

interface SalesforceFault extends ErrorDetail {
  fields?: string[];
}

const CODES: Record<number, [code: string, message: string]> = {
  400: ['UNKNOWN_EXCEPTION', '[simulated] error'],
  401: ['INVALID_SESSION_ID', 'Session expired or invalid'],
  403: ['REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'],
  503: ['SERVER_UNAVAILABLE', 'Server unavailable'],
};

function salesforceError(status: number, { code, message, fields }: SalesforceFault = {}): Answer {
  const [errorCode, said] = CODES[status] ?? ['UNKNOWN_EXCEPTION', 'An unexpected error occurred.'];
  const more = fields === undefined ? {} : { fields };
  return jsonAnswer(status, [{ message: message ?? said, errorCode: code ?? errorCode, ...more }]);
}
