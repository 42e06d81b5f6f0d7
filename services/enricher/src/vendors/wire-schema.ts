type Schema = Record<string, unknown>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const partsOf = (schema: Schema): unknown[] => [
  ...Object.values(isSchema(schema.properties) ? schema.properties : {}),
  ...(schema.items === undefined ? [] : [schema.items]),
  ...[schema.anyOf, schema.$defs && Object.values(schema.$defs)].flat().filter((part) => part !== undefined),
];
const isObject = (schema: Schema): boolean =>
  [schema.type].flat().includes('object') || schema.properties !== undefined;

const NOT_STRICT = ['allOf', 'oneOf', 'not', 'if', 'dependentRequired', 'patternProperties'];

/** True for OpenAI's strict mode: closed objects, every member required. Others are sent as hints. */
export function isStrict(schema: unknown): boolean {
  if (!isSchema(schema) || schema.type !== 'object') return false;
  const isGood = (part: unknown): boolean => {
    if (!isSchema(part) || NOT_STRICT.some((name) => name in part)) return false;
    if (isObject(part)) {
      const required = Array.isArray(part.required) ? part.required : [];
      const names = Object.keys(isSchema(part.properties) ? part.properties : {});
      if (part.additionalProperties !== false || !names.every((name) => required.includes(name))) return false;
    }
    return partsOf(part).every(isGood);
  };
  return isGood(schema);
}

const BOUNDS = new Set([
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['maxItems', 'uniqueItems', 'minProperties', 'maxProperties'],
]);

/** Anthropic's form: closed objects, without bounds. Answers are checked against the full schema anyway. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!isSchema(schema)) return schema;
  const kept = Object.entries(schema).filter(([name]) => !BOUNDS.has(name));
  const walked = kept.map(([name, value]) => {
    if (name === 'properties' || name === '$defs')
      return [name, Object.fromEntries(Object.entries(value as Schema).map(([key, part]) => [key, closed(part)]))];
    return name === 'items' || name === 'anyOf' ? [name, closed(value)] : [name, value];
  });
  const made = Object.fromEntries(walked);
  return isObject(schema) ? { ...made, additionalProperties: false } : made;
}
