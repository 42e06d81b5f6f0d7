import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Fault } from './problems.ts';

/** The event types that come with the product: one JSON Schema 2020-12 file each, named after its type. */
export const BUILT_IN_EVENT_TYPES = fileURLToPath(new URL('./event-types/', import.meta.url));

const EVENT_TYPE = /^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}$/;

/** An event type of the catalogue: its schema and the compiled check of `data`. */
export interface EventType {
  name: string;
  schema: Record<string, unknown>;
  /** The faults of `data`, none when it is valid. */
  check: (data: unknown) => Fault[];
  /** A valid `data`, from the schema's `examples`. */
  sample: Record<string, unknown> | undefined;
}

export type Catalogue = ReadonlyMap<string, EventType>;

/**
 * Reads and compiles every `<event type>.json` of the folders, later folders replacing types of earlier ones.
 * Throws an `Error` that names each faulty file and what is wrong with it.
 */
export function loadCatalogue(folders: readonly string[]): Catalogue {
  const catalogue = new Map<string, EventType>();
  const faults: string[] = [];
  for (const file of folders.flatMap(schemaFiles)) {
    try {
      const type = compile(file);
      catalogue.set(type.name, type);
    } catch (error) {
      faults.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (faults.length > 0) throw new Error(`the event-type catalogue cannot be used:\n  ${faults.join('\n  ')}`);
  return catalogue;
}

const schemaFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));

function compile(file: string): EventType {
  const name = basename(file, '.json');
  if (!EVENT_TYPE.test(name))
    throw new Error(`"${name}" is no event type name (lower case, two to four words with dots)`);
  const schema: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new Error('a schema must be an object');
  const { examples, ...rules } = schema as Record<string, unknown>;
  // An instance a file: two files may use the same $id, and one bad file must not spoil the others.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: false });
  formats.default(ajv);
  const validate = ajv.compile(rules);
  const sample: unknown = Array.isArray(examples) ? examples[0] : undefined;
  if (sample !== undefined && !validate(sample))
    throw new Error(`examples/0 does not match: ${ajv.errorsText(validate.errors)}`);
  return {
    name,
    schema: schema as Record<string, unknown>,
    check: checker(validate),
    sample: sample as EventType['sample'],
  };
}

function checker(validate: ValidateFunction): (data: unknown) => Fault[] {
  return (data) => (validate(data) ? [] : (validate.errors ?? []).map(toFault));
}

/** Ajv's error as a fault: the place and the rule, never the value. */
function toFault(error: ErrorObject): Fault {
  const missing: unknown = error.params.missingProperty;
  const pointer = typeof missing === 'string' ? `${error.instancePath}/${missing}` : error.instancePath;
  return { pointer: `/data${pointer}`, rule: error.keyword };
}
