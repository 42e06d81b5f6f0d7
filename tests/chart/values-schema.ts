import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CHART } from './helm.ts';
import { SERVICE_NAMES, settable, settableByAll, variablesOf } from './services.ts';

export const VALUES_SCHEMA = join(CHART, 'values.schema.json');

/** The text of values.schema.json, with the parts for `config` made from the services' schemas. */
export function valuesSchema(): string {
  const schema = JSON.parse(readFileSync(VALUES_SCHEMA, 'utf8')) as { $defs: Record<string, unknown> };
  schema.$defs.sharedConfig = configOf(settableByAll());
  for (const service of SERVICE_NAMES) schema.$defs[`${service}Config`] = configOf(settable(variablesOf(service)));
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const configOf = (variables: [string, z.ZodType][]): unknown => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(variables.map(([name, type]) => [name, property(type)])),
});

/** What a variable may be in a values file, where numbers, booleans and lists are written as such. */
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
