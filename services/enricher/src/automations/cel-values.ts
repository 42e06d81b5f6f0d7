import { ExactNumber } from '@pressferry/contracts';
import { createExpressions, pathsIn } from './cel.ts';
import { type CompiledTree, type Read, type TemplateContext, TemplateFault, TemplateSyntax } from './template.ts';
import { wellFormed } from './text.ts';

const ROOTS = ['event', 'site', 'run', 'steps'] as const;
const expressions = createExpressions({ event: 'dyn', site: 'dyn', run: 'dyn', steps: 'dyn' });

/**
 * Compiles a CEL expression whose value a step uses. Nothing can interrupt its evaluation, so run it on its own thread.
 * Throws a `TemplateSyntax`; `render` a `TemplateFault`.
 */
export function compileExpression(source: string, at: string): CompiledTree & { type: string } {
  const checked = expressions.check(source, 'an expression in CEL');
  if ('fault' in checked) throw new TemplateSyntax(at, checked.fault);
  return {
    type: checked.type,
    reads: readsOf(pathsIn(checked.ast), at),
    render: (context) => wellFormed(toJson(evaluate(source, context, at), at)),
  };
}

function evaluate(source: string, context: TemplateContext, at: string): unknown {
  try {
    return expressions.evaluate(source, toCel(context) as Record<string, unknown>);
  } catch (error) {
    throw new TemplateFault(at, 'unusable', codeOf(error));
  }
}

/** The library's message may quote a visitor's text, so only its code is kept. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'fault';
  return code.replaceAll('_', ' ');
}

/** Numbers with too many digits for a double become whole ones, of any size. */
export function toCel(value: unknown): unknown {
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.digits) ? BigInt(value.digits) : Number(value.digits);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toCel(member)]));
}

/** An instant becomes ISO text; throws if JSON has no form for the value. */
function toJson(value: unknown, at: string): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : new ExactNumber(String(value));
  }
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map((item) => toJson(item, at));
  const members = value instanceof Map ? [...value] : isPlain(value) ? Object.entries(value) : undefined;
  if (members === undefined) throw new TemplateFault(at, 'unusable', 'it is of a type that JSON does not have');
  return Object.fromEntries(members.map(([name, member]) => [String(name), toJson(member, at)]));
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

const readsOf = (paths: readonly string[][], at: string): Read[] =>
  paths.filter(([root]) => ROOTS.some((known) => known === root)).map((path) => ({ at, path }));
