import { type Catalogue, type EventType, envelopeSchema } from '@pressferry/contracts';
import { z } from 'zod';

type Json = Record<string, unknown>;

const EXAMPLE_KEY = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
/** zod's pattern is of two parts and knows no "uuid"; this one is the same in one part. A test compares them. */
const KEY_SCHEMA = {
  type: 'string',
  format: 'uuid',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  examples: [EXAMPLE_KEY],
};
const ABOUT: Readonly<Record<string, string>> = {
  event_type: 'What happened.',
  object_ref: "The site's id of what it happened to: of the post, the order, the entry.",
  idempotency_key: 'UUIDv4 of this business event, the same over all tries.',
  occurred_at: 'When it happened: RFC 3339, in UTC with Z.',
  sent_at: 'When this try is made. Needed if the event waited: without it, `occurred_at` must be now.',
};

export const keySchema: Json = { ...KEY_SCHEMA, description: ABOUT.idempotency_key };

const eventName = (type: string): string => `event.${type}`;
const dataName = (type: string): string => `data.${type}`;
const refTo = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** Component schemas: `Event`, discriminated by `event_type`, and two for each event type. */
export function eventSchemas(catalogue: Catalogue): Json {
  const types = [...catalogue.values()];
  const schemas: Json = {
    Event: {
      title: 'Event',
      oneOf: types.map(({ name }) => refTo(eventName(name))),
      discriminator: {
        propertyName: 'event_type',
        mapping: Object.fromEntries(types.map(({ name }) => [name, refTo(eventName(name)).$ref])),
      },
    },
  };
  const { $schema: _draft, properties, ...rules } = z.toJSONSchema(envelopeSchema);
  for (const { name, schema, mode } of types) {
    const { title = name, description = '' } = schema;
    schemas[eventName(name)] = {
      title,
      description,
      ...rules,
      properties: envelopeProperties(properties as Record<string, Json>, name),
    };
    schemas[dataName(name)] = { ...dataSchema(name, schema), 'x-pressferry-mode': mode };
  }
  return schemas;
}

function envelopeProperties(properties: Record<string, Json>, type: string): Json {
  const described = Object.entries(properties).map(([name, schema]) => [name, { ...schema, description: ABOUT[name] }]);
  return {
    ...Object.fromEntries(described),
    event_type: { const: type, description: ABOUT.event_type },
    idempotency_key: keySchema,
    data: refTo(dataName(type)),
  };
}

/** As a component: its references lead into the component, and it has no `$id`. */
function dataSchema(type: string, schema: Json): Json {
  const { $schema: _dialect, $id: _identity, ...rules } = schema;
  return rebase(withNone(rules), `#/components/schemas/${dataName(type)}`) as Json;
}

/** Members that hold values, in which a `$ref` is data. */
const VALUES = new Set(['const', 'enum', 'default', 'examples']);

/** A schema whose optional members may be null or "" too, as ingress takes them. */
function withNone(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withNone);
  if (!isObject(schema)) return schema;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const members = (of: Json): Json =>
    mapped(of, (name, member) => (required.includes(name) ? withNone(member) : orNone(withNone(member))));
  return mapped(schema, (keyword, value) => {
    if (VALUES.has(keyword)) return value;
    if (!isObject(value)) return withNone(value);
    if (keyword === 'properties' || keyword === 'patternProperties') return members(value);
    return keyword === 'additionalProperties' ? orNone(withNone(value)) : withNone(value);
  });
}

function orNone(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const { description, ...rules } = schema;
  return { ...(description === undefined ? {} : { description }), anyOf: [rules, { enum: [null, ''] }] };
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mapped = (of: Json, change: (name: string, value: unknown) => unknown): Json =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, change(name, value)]));

function rebase(schema: unknown, base: string): unknown {
  if (Array.isArray(schema)) return schema.map((part) => rebase(part, base));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => {
      if (VALUES.has(name)) return [name, value];
      if (name === '$ref' && typeof value === 'string') return [name, value.replace(/^#/, base)];
      return [name, rebase(value, base)];
    }),
  );
}

/** One example event for each type whose schema has an example. */
export function eventExamples(catalogue: Catalogue): Json {
  const examples = [...catalogue.values()].filter(({ sample }) => sample !== undefined).map(eventExample);
  return Object.fromEntries(examples);
}

function eventExample({ name, schema, sample }: EventType): [string, Json] {
  const value = {
    event_type: name,
    object_ref: '17',
    idempotency_key: EXAMPLE_KEY,
    occurred_at: '2026-11-24T08:00:00.000Z',
    sent_at: '2026-11-24T08:00:02.000Z',
    data: sample,
  };
  return [name, { summary: String(schema.title ?? name), value }];
}
