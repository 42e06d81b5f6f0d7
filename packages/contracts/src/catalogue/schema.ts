import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Fault } from '../problems.ts';
import { lintSchema, type SchemaFault } from './lint.ts';
import { escapePointer } from './pointer.ts';

/** Checks schemas against the dialect, and knows its keywords. Compiled once, in 20 ms. */
const dialect = formats.default(new Ajv2020({ strict: true, allErrors: true }));

const MAX_FAULTS = 5;

export type Compiled = { check: (data: unknown) => Fault[] } | { faults: SchemaFault[] };

/** Faults name the place inside the schema. */
export function compileSchema(schema: Record<string, unknown>): Compiled {
  if (!dialect.validateSchema(schema)) {
    return { faults: (dialect.errors ?? []).slice(0, MAX_FAULTS).map(dialectFault) };
  }
  const faults = lintSchema(schema, {
    isKeyword: (name) => dialect.RULES.keywords[name] === true,
    isFormat: (name) => dialect.formats[name] !== undefined,
  });
  if (faults.length > 0) return { faults: faults.slice(0, MAX_FAULTS) };
  const { 'x-pressferry-mode': _ours, examples = [], ...rules } = schema;
  const check = checker(rules);
  const bad = (examples as unknown[]).flatMap((example, index) =>
    check(example).map(({ pointer, rule }) => ({
      pointer: `/examples/${index}${pointer.slice('/data'.length)}`,
      fault: `the example breaks the rule "${rule}"`,
    })),
  );
  return bad.length > 0 ? { faults: bad } : { check };
}

const dialectFault = ({ instancePath, message = 'is not valid', params }: ErrorObject): SchemaFault => ({
  pointer: instancePath,
  fault: Array.isArray(params.allowedValues) ? `${message}: ${params.allowedValues.join(', ')}` : message,
});

/** An Ajv for each schema, because two files may use the same `$id`. */
function checker(rules: Record<string, unknown>): (data: unknown) => Fault[] {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    strictTuples: false,
    validateSchema: false,
    // Else `required: ["constructor"]` holds for any object, by the prototype.
    ownProperties: true,
  });
  const validate: ValidateFunction = formats.default(ajv).compile(rules);
  return (data) => (validate(data) ? [] : (validate.errors ?? []).map(toFault));
}

/** The place and the rule, never the value. */
function toFault({ instancePath, keyword, params }: ErrorObject): Fault {
  const missing: unknown = params.missingProperty;
  const pointer = typeof missing === 'string' ? `${instancePath}/${escapePointer(missing)}` : instancePath;
  return { pointer: `/data${pointer}`, rule: keyword };
}
