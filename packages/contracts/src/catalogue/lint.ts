import { isLinearPattern, isShortPattern, MAX_SHORT_LENGTH } from './pattern.ts';
import { escapePointer } from './pointer.ts';

/** With a JSON pointer into the schema. */
export interface SchemaFault {
  pointer: string;
  fault: string;
}

/** Anything that the validator does not know is a typing error. */
export interface Vocabulary {
  isKeyword: (name: string) => boolean;
  isFormat: (name: string) => boolean;
}

type Schema = Record<string, unknown>;
interface Place {
  schema: Schema;
  pointer: string;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const ONE_SCHEMA =
  'not if then else items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties';
const SCHEMA_LISTS = 'allOf anyOf oneOf prefixItems';
const SCHEMA_MAPS = 'properties patternProperties dependentSchemas $defs';
const [oneSchema, schemaLists, schemaMaps] = [ONE_SCHEMA, SCHEMA_LISTS, SCHEMA_MAPS].map((names) =>
  names.split(' '),
) as [string[], string[], string[]];
/** They resolve at run time, or compile what a sender wrote. */
const REFUSED_KEYWORDS = new Set(['$dynamicRef', '$dynamicAnchor', '$anchor', '$vocabulary', 'contentSchema']);
/** Formats whose check takes more than linear time (an 8 KiB URI: 3 ms). */
const SLOW_FORMATS = new Set(['uri', 'uri-reference', 'uri-template', 'url', 'email', 'duration']);
const MAX_SLOW_FORMAT_LENGTH = 8_192;
/** Each element is compared with each other: 256 make 32,640 comparisons. */
const MAX_UNIQUE_ITEMS = 256;

/**
 * Rules that keep the check of hostile data fast: references stay inside the file without cycles, patterns take linear
 * time or have a short `maxLength`, uniqueness is bounded.
 */
export function lintSchema(root: Schema, vocabulary: Vocabulary): SchemaFault[] {
  const faults: SchemaFault[] = [];
  if (root.$schema !== undefined && root.$schema !== DIALECT)
    faults.push({ pointer: '/$schema', fault: `must be ${DIALECT}` });
  if (root.type !== 'object') faults.push({ pointer: '/type', fault: 'must be "object": that is what data is' });
  const state = new Map<Schema, 'open' | 'done'>();
  const visit = (place: Place): void => {
    state.set(place.schema, 'open');
    faults.push(...lintOne(place, place.schema === root, vocabulary));
    for (const next of [...children(place), ...target(place, root, faults)]) {
      const seen = state.get(next.schema);
      if (seen === 'open') faults.push({ pointer: `${place.pointer}/$ref`, fault: 'leads back to where it is' });
      if (seen === undefined) visit(next);
    }
    state.set(place.schema, 'done');
  };
  visit({ schema: root, pointer: '' });
  return faults;
}

function lintOne({ schema, pointer }: Place, isRoot: boolean, vocabulary: Vocabulary): SchemaFault[] {
  const faults: SchemaFault[] = [];
  const report = (keyword: string, fault: string) => faults.push({ pointer: `${pointer}/${keyword}`, fault });
  for (const name of Object.keys(schema)) {
    if (isRoot && name === 'x-pressferry-mode') continue;
    if (REFUSED_KEYWORDS.has(name)) report(name, 'is not supported');
    else if (!vocabulary.isKeyword(name)) report(name, 'is not a keyword of JSON Schema 2020-12');
    else if (name === '$id' && !isRoot) report(name, 'is allowed at the top only');
  }
  const { format, pattern, maxLength = Number.POSITIVE_INFINITY, maxItems = Number.POSITIVE_INFINITY } = schema;
  if (typeof format === 'string') {
    if (format === 'regex') report('format', 'is not supported');
    else if (!vocabulary.isFormat(format)) report('format', `"${format}" is unknown`);
    else if (SLOW_FORMATS.has(format) && Number(maxLength) > MAX_SLOW_FORMAT_LENGTH) {
      report('format', `"${format}" needs a maxLength of at most ${MAX_SLOW_FORMAT_LENGTH} next to it`);
    }
  }
  if (typeof pattern === 'string') reportPattern(pattern, Number(maxLength), (fault) => report('pattern', fault));
  for (const name of Object.keys((schema.patternProperties ?? {}) as Schema)) {
    reportPattern(name, Number.POSITIVE_INFINITY, (fault) => report(`patternProperties/${escapePointer(name)}`, fault));
  }
  if (schema.uniqueItems === true && Number(maxItems) > MAX_UNIQUE_ITEMS) {
    report('uniqueItems', `needs a maxItems of at most ${MAX_UNIQUE_ITEMS} next to it`);
  }
  return faults;
}

function reportPattern(pattern: string, maxLength: number, report: (fault: string) => void): void {
  try {
    new RegExp(pattern, 'u');
  } catch {
    report('is not a regular expression');
    return;
  }
  if (isLinearPattern(pattern) || (maxLength <= MAX_SHORT_LENGTH && isShortPattern(pattern))) return;
  report(
    'may take very long on hostile text: anchor it and make its repeats unambiguous, ' +
      `or use at most two repeats, none of a group, and a maxLength of at most ${MAX_SHORT_LENGTH} next to it`,
  );
}

function children({ schema, pointer }: Place): Place[] {
  const at = (path: string, value: unknown): Place[] =>
    typeof value === 'object' && value !== null ? [{ schema: value as Schema, pointer: `${pointer}/${path}` }] : [];
  return [
    ...oneSchema.flatMap((name) => at(name, schema[name])),
    ...schemaLists.flatMap((name) =>
      ((schema[name] ?? []) as unknown[]).flatMap((value, index) => at(`${name}/${index}`, value)),
    ),
    ...schemaMaps.flatMap((name) =>
      Object.entries((schema[name] ?? {}) as Schema).flatMap(([key, value]) =>
        at(`${name}/${escapePointer(key)}`, value),
      ),
    ),
  ];
}

function target({ schema, pointer }: Place, root: Schema, faults: SchemaFault[]): Place[] {
  const { $ref } = schema;
  if (typeof $ref !== 'string') return [];
  const found = $ref.startsWith('#/') || $ref === '#' ? follow(root, $ref.slice(1)) : undefined;
  if (typeof found === 'object' && found !== null) return [{ schema: found as Schema, pointer: $ref.slice(1) }];
  if (typeof found !== 'boolean') {
    faults.push({ pointer: `${pointer}/$ref`, fault: 'must lead to a schema of this file, as "#/$defs/name"' });
  }
  return [];
}

function follow(root: Schema, pointer: string): unknown {
  let value: unknown = root;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    value = Object.hasOwn(value, name) ? (value as Schema)[name] : undefined;
  }
  return value;
}
