import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { RE2JS } from 're2js';

/** Linear-time patterns, because they run over a model's text. */
const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    return { test: (text: string) => compiled.matcher(text).find() } as RegExp;
  },
  { code: 'linear' },
);

const createAjv = (): Ajv2020 => {
  const ajv = new Ajv2020({ strict: false, allErrors: true, code: { regExp: linear } });
  formats.default(ajv);
  return ajv;
};

export function schemaFault(schema: Record<string, unknown>): string | undefined {
  try {
    createAjv().compile(schema);
    return undefined;
  } catch (error) {
    return `is not a JSON Schema: ${error instanceof Error ? error.message.split('\n')[0] : 'it does not compile'}`;
  }
}

/** `faults` are for the model; `where`, a place in the schema, is for the log and holds no content. */
export interface SchemaFaults {
  faults: string;
  where: string;
}

const MAX_KEPT = 200;
const MAX_NAMED = 8;

/** Null for a value that meets its schema. */
export function createSchemaCheck(): (schema: Record<string, unknown>, value: unknown) => SchemaFaults | null {
  const compiled = new Map<string, ValidateFunction>();
  return (schema, value) => {
    const key = JSON.stringify(schema);
    let validate = compiled.get(key);
    if (validate === undefined) {
      if (compiled.size >= MAX_KEPT) compiled.clear();
      validate = createAjv().compile(schema);
      compiled.set(key, validate);
    }
    if (validate(value)) return null;
    const errors = (validate.errors ?? []).slice(0, MAX_NAMED);
    return {
      faults: errors.map(({ instancePath, message }) => `${instancePath || 'the answer'} ${message}`).join('; '),
      where: errors[0]?.schemaPath ?? '#',
    };
  };
}
