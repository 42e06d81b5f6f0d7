import { type Json, member } from '../json.ts';

const UNSUPPORTED = ['minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'maxItems', 'not'];

/** Anthropic's structured outputs: objects must be closed, and bounds are not supported. */
export function anthropicSchemaFault(schema: Json | undefined): string | undefined {
  const unsupported = UNSUPPORTED.find((name) => member(schema, name) !== undefined);
  const type = [member(schema, 'type')].flat()[0];
  if (unsupported !== undefined) return `For '${type ?? 'any'}' type, property '${unsupported}' is not supported`;
  if (type === 'object' && member(schema, 'additionalProperties') !== false)
    return "For 'object' type, 'additionalProperties' must be explicitly set to false";
  const properties = Object.values((member(schema, 'properties') ?? {}) as Record<string, Json>);
  const items = member(schema, 'items');
  for (const part of items === undefined ? properties : [...properties, items]) {
    const fault = anthropicSchemaFault(part);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
