import { type Json, member } from '../json.ts';

/**
 * OpenAI's strict mode, in its words: every object forbids other members and requires all its own; the root is an
 * object.
 */
export function strictFault(schema: Json | undefined): string | undefined {
  const type = member(schema, 'type');
  if (type !== 'object') return `schema must be a JSON Schema of 'type: "object"', got 'type: "${type ?? 'None'}"'.`;
  return faultIn(schema, []);
}

const FORBIDDEN = ['allOf', 'oneOf', 'not', 'dependentRequired', 'if', 'then', 'else', 'patternProperties'];

function faultIn(schema: Json | undefined, path: readonly string[]): string | undefined {
  const context = `In context=(${path.map((part) => `'${part}'`).join(', ')}${path.length === 1 ? ',' : ''})`;
  const forbidden = FORBIDDEN.find((name) => member(schema, name) !== undefined);
  if (forbidden !== undefined) return `${context}, '${forbidden}' is not permitted.`;
  const properties = member(schema, 'properties');
  if ([member(schema, 'type')].flat().includes('object') || properties !== undefined) {
    if (member(schema, 'additionalProperties') !== false)
      return `${context}, 'additionalProperties' is required to be supplied and to be false.`;
    const required = member(schema, 'required');
    const names = Object.keys((properties ?? {}) as object);
    const missing = names.find((name) => !Array.isArray(required) || !required.includes(name));
    if (missing !== undefined)
      return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
  }
  for (const [name, of] of Object.entries((properties ?? {}) as Record<string, Json>)) {
    const fault = faultIn(of, [...path, 'properties', name]);
    if (fault !== undefined) return fault;
  }
  const items = member(schema, 'items');
  return items === undefined ? undefined : faultIn(items, [...path, 'items']);
}
