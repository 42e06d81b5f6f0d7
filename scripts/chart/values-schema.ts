import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SERVICE_NAMES, settable, settableByAll, variablesOf } from './services.ts';

const VALUES_SCHEMA = join(import.meta.dirname, '../../charts/pressferry/values.schema.json');

interface ObjectSchema {
  type: 'object';
  additionalProperties: false;
  properties: Record<string, unknown>;
}

interface ValuesSchema {
  $defs: Record<string, unknown> & { service: ObjectSchema };
  properties: Record<string, ObjectSchema>;
}

/**
 * The text of values.schema.json, with the parts for `config` made from the services' schemas, and what all services take spelt out
 * for each: where one schema is put upon another, a fault in a value is reported as one of all its siblings.
 */
export function valuesSchema(): string {
  const schema = JSON.parse(readFileSync(VALUES_SCHEMA, 'utf8')) as ValuesSchema;
  schema.$defs.sharedConfig = configOf(settableByAll());
  const shared = Object.keys(schema.$defs.service.properties);
  for (const service of SERVICE_NAMES) {
    schema.$defs[`${service}Config`] = configOf(settable(variablesOf(service)));
    const own = Object.entries(schema.properties[service]?.properties ?? {}).filter(([name]) => !shared.includes(name));
    const common = shared.map((name) => [name, { $ref: `#/$defs/service/properties/${name}` }]);
    schema.properties[service] = {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries([...common, ...own]),
    };
  }
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const configOf = (variables: [string, z.ZodType][]): unknown => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(variables.map(([name, type]) => [name, property(type)])),
});

/** What a variable may be in a values file, if numbers, booleans and lists are written as such. */
function property(type: z.ZodType): unknown {
  const written = z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' });
  const read = z.toJSONSchema(type, { io: 'output', unrepresentable: 'any' });
  if (written.enum !== undefined) return { enum: isFlag(written.enum) ? [true, false] : written.enum };
  if (written.pattern?.includes('\\d')) return { type: 'integer', minimum: 0 };
  // Text that is read as something else is a list.
  if (read.type !== 'string') return { type: ['array', 'string'], items: { type: ['string', 'integer'] } };
  return { type: 'string' };
}

const isFlag = (choices: unknown[]): boolean => choices.includes('true') && choices.length === 2;
