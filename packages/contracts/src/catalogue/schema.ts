import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Fault } from '../problems.ts';
import { lintSchema, type SchemaFault } from './lint.ts';
import { escapePointer, unescapePointer } from './pointer.ts';

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
  const faultsOf = (data: unknown): ErrorObject[] => (validate(data) ? [] : (validate.errors ?? []));
  return (data) => {
    const errors = faultsOf(data);
    return errors.length === 0 || isValidWithoutNone(data, errors, faultsOf) ? [] : distinct(errors.map(toFault));
  };
}

const MAX_NONE = 50;

/**
 * PHP writes null or "" for what is not there. An optional member with such a value may be left out, so it may be sent, too, whatever
 * its type is. A required one may not.
 */
function isValidWithoutNone(data: unknown, first: ErrorObject[], faultsOf: (data: unknown) => ErrorObject[]): boolean {
  if (!first.every((error) => isNone(memberAt(data, error)))) return false;
  const left: unknown = structuredClone(data);
  let errors = first;
  for (let tries = 0; tries < MAX_NONE && errors.length > 0; tries++) {
    const [error] = errors;
    const member = error && memberAt(left, error);
    if (member === undefined || !isNone(member)) return false;
    delete member.parent[member.name];
    errors = faultsOf(left);
  }
  return errors.length === 0;
}

type Member = { parent: Record<string, unknown>; name: string } | undefined;

const isNone = (member: Member): boolean => {
  const value = member?.parent[member.name];
  return member !== undefined && (value === null || value === '');
};

/** The member of an object that an error is about; undefined for elements of lists and for the whole. */
function memberAt(data: unknown, { instancePath }: ErrorObject): Member {
  const names = instancePath.split('/').slice(1).map(unescapePointer);
  const name = names.pop();
  let parent: unknown = data;
  for (const step of names) {
    if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, step)) return undefined;
    parent = (parent as Record<string, unknown>)[step];
  }
  if (name === undefined || typeof parent !== 'object' || parent === null || Array.isArray(parent)) return undefined;
  return { parent: parent as Record<string, unknown>, name };
}

/** Each branch of an `anyOf` says the same of one place. */
const distinct = (faults: Fault[]): Fault[] =>
  faults.filter(
    ({ pointer, rule }, index) =>
      faults.findIndex((other) => other.pointer === pointer && other.rule === rule) === index,
  );

/** The place and the rule, never the value. */
function toFault({ instancePath, keyword, params }: ErrorObject): Fault {
  const missing: unknown = params.missingProperty;
  const pointer = typeof missing === 'string' ? `${instancePath}/${escapePointer(missing)}` : instancePath;
  return { pointer: `/data${pointer}`, rule: keyword };
}
