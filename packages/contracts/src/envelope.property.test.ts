import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { drift, envelopeSchema, MAX_DRIFT_MS, MAX_EVENT_AGE_MS } from './envelope.ts';

const NOW_MS = Date.UTC(2026, 10, 24, 8);

/** The envelope as docs/protocol.md describes it, written in JSON Schema instead of zod. */
const INSTANT = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$';
const followsSchema = new Ajv2020({ strict: true, ownProperties: true }).compile({
  type: 'object',
  required: ['event_type', 'object_ref', 'idempotency_key', 'occurred_at', 'data'],
  additionalProperties: false,
  properties: {
    event_type: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,30}([.][a-z][a-z0-9_]{0,30}){1,3}$' },
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

/** The date exists in the calendar: written out again, it is the same. */
function exists(instant: unknown): boolean {
  if (instant === undefined) return true;
  const seconds = String(instant).slice(0, 19);
  const ms = Date.parse(`${seconds}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === seconds;
}

const isEnvelope = (value: Record<string, unknown>): boolean =>
  followsSchema(value) && exists(value.occurred_at) && exists(value.sent_at);

const two = (max: number) => fc.nat({ max }).map((number) => String(number).padStart(2, '0'));
const instant = fc.oneof(
  fc
    .date({ noInvalidDate: true, min: new Date(NOW_MS - 1e9), max: new Date(NOW_MS + 1e9) })
    .map((date) => date.toISOString()),
  fc
    .tuple(
      fc.constantFrom('0000', '2024', '2026', '9999', '12026', '+002026'),
      two(13),
      two(32),
      two(25),
      two(61),
      two(61),
      fc.constantFrom('', '.', '.1', '.123456789012', ',5'),
      fc.constantFrom('Z', 'z', '', '+00:00', '-00:00', '+01:00', ' Z', 'Z\n'),
    )
    .map(
      ([year, month, day, hour, minute, second, fraction, zone]) =>
        `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}${zone}`,
    ),
  fc.constantFrom(
    '2026-02-29T00:00:00Z',
    '2024-02-29T00:00:00Z',
    '2026-11-24T08:00Z',
    '2026-11-24 08:00:00Z',
    '2026-11-24t08:00:00Z',
    '2026-11-24',
  ),
);
const eventType = fc.oneof(
  fc
    .array(
      fc.oneof(
        fc.stringMatching(/^[a-z][a-z0-9_]{0,4}$/),
        fc.constantFrom('a'.repeat(31), 'a'.repeat(32), '', '1a', 'A', 'é', 'a-b', '*', '>'),
      ),
      { maxLength: 6 },
    )
    .map((words) => words.join('.')),
  fc.constantFrom('order.paid', 'order.paid\n', ' order.paid', 'order.paid.', 'order..paid'),
);
const objectRef = fc.oneof(
  fc
    .tuple(fc.constantFrom('a', 'é', '😀', '\u0000', 'e\u0301'), fc.constantFrom(0, 1, 127, 128, 254, 255, 256))
    .map(([unit, times]) => unit.repeat(times)),
  fc.string(),
);
const key = fc.oneof(
  fc.uuid({ version: 4 }),
  fc.uuid(),
  fc.uuid({ version: 4 }).map((text) => text.toUpperCase()),
  fc.uuid({ version: 4 }).map((text) => `${text}\n`),
  fc.string(),
);
const data = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue());

const valid = {
  event_type: 'order.paid',
  object_ref: '1',
  idempotency_key: 'c0ffee00-0000-4000-8000-000000000001',
  occurred_at: new Date(NOW_MS).toISOString(),
  data: {},
};
const members = fc.record(
  { event_type: eventType, object_ref: objectRef, idempotency_key: key, occurred_at: instant, sent_at: instant, data },
  { requiredKeys: [] },
);
const oddMember = fc.tuple(
  fc.constantFrom(
    'event_type',
    'object_ref',
    'idempotency_key',
    'occurred_at',
    'sent_at',
    'data',
    'refused',
    '__proto__',
    'constructor',
    'more',
  ),
  fc.jsonValue({ maxDepth: 1 }),
);
/** A valid envelope with one member of another value, of another type, missing, or too many. */
const candidate = fc.oneof(
  fc
    .tuple(members, fc.nat({ max: 5 }))
    .map(([all, at]) => ({ ...valid, ...Object.fromEntries(Object.entries(all).slice(at, at + 1)) })),
  members.map((all) => ({ ...valid, ...all })),
  oddMember.map(([name, odd]) =>
    JSON.parse(`${JSON.stringify(valid).slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(odd)}}`),
  ),
  fc
    .constantFrom(...Object.keys(valid))
    .map((missing) => Object.fromEntries(Object.entries(valid).filter(([name]) => name !== missing))),
);

property(
  'an envelope is one exactly where the form of the protocol, in JSON Schema, says so',
  fc.property(candidate, (value) => {
    assert.equal(envelopeSchema.safeParse(value).success, isEnvelope(value));
  }),
);

property(
  'nothing but an object of its members is an envelope',
  fc.property(fc.jsonValue(), (value) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    assert.equal(envelopeSchema.safeParse(value).success, isObject && isEnvelope(value as Record<string, unknown>));
  }),
);

const offset = fc.oneof(
  fc.integer({ min: -400_000, max: 400_000 }),
  fc
    .tuple(
      fc.constantFrom(MAX_DRIFT_MS, -MAX_DRIFT_MS, MAX_EVENT_AGE_MS, -MAX_EVENT_AGE_MS, 0),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([bound, beside]) => bound + beside),
  fc.integer({ min: -3 * MAX_EVENT_AGE_MS, max: 3 * MAX_EVENT_AGE_MS }),
);

property(
  'drift is judged by the newest time, to the millisecond at each bound',
  fc.property(offset, fc.option(offset), (occurred, sent) => {
    const at = (ms: number): string => new Date(NOW_MS - ms).toISOString();
    const times = { occurred_at: at(occurred), ...(sent === null ? {} : { sent_at: at(sent) }) };
    const isNear = (ms: number): boolean => ms >= -300_000 && ms <= 300_000;
    const isInOrder =
      sent === null ? isNear(occurred) : isNear(sent) && occurred <= 259_200_000 && occurred >= -300_000;
    assert.equal(drift(times, NOW_MS) === null, isInOrder);
  }),
);

property(
  'what is accepted as an instant has a drift: none is let through because its time cannot be told',
  fc.property(instant, instant, (occurred_at, sent_at) => {
    const parsed = envelopeSchema.safeParse({ ...valid, occurred_at, sent_at });
    if (!parsed.success || drift(parsed.data, NOW_MS) !== null) return;
    assert.ok(Math.abs(Date.parse(sent_at) - NOW_MS) <= MAX_DRIFT_MS);
    assert.ok(NOW_MS - Date.parse(occurred_at) <= MAX_EVENT_AGE_MS);
  }),
);
