import type { Catalogue } from '@pressferry/contracts';
import { checkWhen } from './match.ts';
import type { AutomationDefinition } from './schema.ts';
import { createCompiler, readsOf } from './step-templates.ts';
import { TemplateSyntax } from './template.ts';

interface PathFault {
  path: string;
  text: string;
}

/** Members of an event's data that a definition names and no event type of its `on` declares. */
export function undeclaredPaths(definition: AutomationDefinition, catalogue: Catalogue): PathFault[] {
  const schemas = definition.on.flatMap((name) => catalogue.get(name)?.schema ?? []);
  if (schemas.length === 0) return [];
  return readsFrom(definition)
    .filter(({ path }) => !schemas.some((schema) => knows(schema, path.of)))
    .map(({ path }) => ({ path: path.at, text: `no event type of "on" declares data.${path.of.join('.')}` }));
}

interface DataRead {
  path: { at: string; of: string[] };
}

/** The members of an event's data that a definition reads, with their places. */
function readsFrom({ steps, result, when }: AutomationDefinition): DataRead[] {
  const compiler = createCompiler();
  const ofSteps = steps.flatMap((step, index) =>
    ifWhole(() => readsOf(step, compiler)).map(({ path, at }) => ({ path, at: `steps[${index}].${at}` })),
  );
  const ofResult = ifWhole(() => compiler.result(result).reads);
  const ofTemplates = [...ofSteps, ...ofResult].flatMap(({ path: [root, name, ...of], at }) =>
    root === 'event' && name === 'data' && of.length > 0 ? [{ path: { at, of } }] : [],
  );
  const conditions = typeof when === 'string' ? ofCondition(when) : Object.keys(when).flatMap(ofPath);
  return [...conditions, ...ofTemplates];
}

/** A template that does not compile has its own fault. */
function ifWhole<T>(reads: () => T[]): T[] {
  try {
    return reads();
  } catch (error) {
    if (error instanceof TemplateSyntax) return [];
    throw error;
  }
}

function ofPath(path: string): DataRead[] {
  const [root, ...of] = path.split('.');
  return root === 'data' && of.length > 0 ? [{ path: { at: `when.${path}`, of } }] : [];
}

function ofCondition(when: string): DataRead[] {
  const checked = checkWhen(when);
  const reads = 'fault' in checked ? [] : checked.reads;
  return reads.flatMap(([root, name, ...of]) =>
    root === 'event' && name === 'data' && of.length > 0 ? [{ path: { at: 'when', of } }] : [],
  );
}

type Schema = Record<string, unknown>;

/** True unless the schema excludes a member at the path. */
function knows(schema: unknown, [name, ...rest]: string[]): boolean {
  if (name === undefined || typeof schema !== 'object' || schema === null) return true;
  const { properties, additionalProperties, items, anyOf, oneOf, allOf, $ref } = schema as Schema;
  if ($ref !== undefined) return true;
  const forms = [anyOf, oneOf, allOf].flat().filter((form) => form !== undefined);
  if (forms.length > 0) return forms.some((form) => knows(form, [name, ...rest]));
  if (/^\d+$/.test(name) || ['first', 'last', 'size'].includes(name)) return knows(items, rest);
  const own = (properties as Schema | undefined)?.[name];
  if (own !== undefined) return knows(own, rest);
  if (typeof additionalProperties === 'object') return knows(additionalProperties, rest);
  return properties === undefined && additionalProperties !== false;
}
