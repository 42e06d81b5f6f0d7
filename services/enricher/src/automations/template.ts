import { Context, type Liquid, type Template as Parsed, RenderError } from 'liquidjs';
import { EmptyValue, LongNumber, markingEngine, pathEngine, strictEngine, textEngine } from './engines.ts';
import type { TemplateTree } from './schema.ts';
import { isEmpty, wellFormed } from './text.ts';

/** All that a template can read; configuration and environment are out of reach. */
export interface TemplateContext {
  event: { event_type: string; object_ref: string; occurred_at: string; data: Record<string, unknown> };
  site: { id: string };
  run: { id: string };
  steps: Record<string, { output: unknown }>;
}

/** The deadline by `performance.now()`, and the most characters to touch. */
export interface RenderLimits {
  untilMs: number;
  characters: number;
}

/** Logged with its place, because the code alone does not say what to fix; not stored. */
export class TemplateFault extends Error {
  readonly at: string;
  /** Only `limit` may pass with more time. */
  readonly why: 'empty' | 'unsafe' | 'limit' | 'unusable';

  /** `detail` holds nothing of a visitor's. */
  constructor(at: string, why: TemplateFault['why'], detail?: string) {
    super(`${at} is ${why === 'limit' ? 'over its limits' : why}${detail === undefined ? '' : `: ${detail}`}`);
    this.at = at;
    this.why = why;
  }
}

/** Found at the start. */
export class TemplateSyntax extends Error {
  readonly at: string;

  constructor(at: string, message: string) {
    super(message);
    this.at = at;
  }
}

/** A path in the context, `['steps', 'score', 'output', 'text']`, and the template's place. */
export interface Read {
  at: string;
  path: string[];
}

/** `render` throws a `TemplateFault`. */
export interface Rendering<T> {
  render: (context: TemplateContext, limits: RenderLimits) => T;
  reads: Read[];
}

export type TextTemplate = Rendering<string>;
/** Rendered leaf by leaf, so no content can break out of its place in the JSON. */
export type CompiledTree = Rendering<unknown>;

/** Wraps each compilation, so a caller can go on after a failed one. */
export type Attempt = <T extends { reads: Read[] }>(compile: () => T) => T;

/** `at` is the text's path, for faults. Throws a `TemplateSyntax` on a syntax error or an unknown filter or tag. */
export const compileText = (source: string, at: string): TextTemplate => compileWith(textEngine, source, at);
/** With a mark around each inserted value. */
export const compileMarked = (source: string, at: string): TextTemplate => compileWith(markingEngine, source, at);

/** An inserted value must not be empty or begin another header. */
export function compileHeader(source: string, at: string): TextTemplate {
  const { render, reads } = compileWith(strictEngine, source, at);
  return {
    reads,
    render: (context, limits) =>
      render(context, limits)
        .replaceAll(/\p{Cc}/gu, ' ')
        .trim(),
  };
}

/** Each inserted value is percent-encoded, not empty, and makes no dot segment. */
export function compilePath(source: string, at: string): TextTemplate {
  const { render, reads } = compileWith(pathEngine, source, at);
  if (!source.includes('{') && !isSafePath(source))
    throw new TemplateSyntax(at, 'must not hold spaces, backslashes or dot segments, or begin with two slashes');
  return {
    reads,
    render: (context, limits) => {
      const path = render(context, limits);
      if (!isSafePath(path)) throw new TemplateFault(at, 'unsafe');
      return path;
    },
  };
}

const isSafePath = (path: string): boolean =>
  !/[\s\\]/.test(path) && !path.startsWith('//') && path.split(/[/?#]/).every((part) => part !== '.' && part !== '..');

function compileWith(liquid: Liquid, source: string, at: string): TextTemplate {
  const parsed = parse(liquid, source, at);
  return {
    reads: liquid
      .globalVariableSegmentsSync(parsed, { partials: false })
      .map((path) => ({ at, path: path.map(String) })),
    render: (context, limits) => guarded(at, () => String(liquid.renderSync(parsed, context, optionsOf(limits)))),
  };
}

/** Outputs and tags, and in them texts or whole numbers that a double may not hold. */
const MARKUP = /\{\{[^{}]{0,2000}\}\}|\{%[^{}]{0,2000}%\}/g;
const LITERALS = /"[^"]*"|'[^']*'|(?<![\w.])\d{16,40}(?![\w.])/g;

function longLiteral(source: string): string | undefined {
  return (source.match(MARKUP) ?? [])
    .flatMap((markup) => markup.match(LITERALS) ?? [])
    .find((literal) => /^\d/.test(literal) && !Number.isSafeInteger(Number(literal)));
}

function parse(liquid: Liquid, source: string, at: string): Parsed[] {
  const literal = longLiteral(source);
  if (literal !== undefined)
    throw new TemplateSyntax(
      at,
      `${literal} is beyond 2^53, where templates lose digits: compare in CEL, or texts by | append: ""`,
    );
  try {
    return liquid.parse(source);
  } catch (error) {
    throw new TemplateSyntax(at, syntaxFault(error));
  }
}

const optionsOf = ({ untilMs, characters }: RenderLimits) => ({
  renderLimit: Math.max(0, untilMs - performance.now()),
  memoryLimit: characters,
});

function guarded<T>(at: string, render: () => T): T {
  try {
    return render();
  } catch (error) {
    const cause = error instanceof RenderError ? error.originalError : error;
    if (cause instanceof EmptyValue) throw new TemplateFault(at, 'empty');
    if (cause instanceof LongNumber) throw new TemplateFault(at, 'unusable', cause.message);
    if (isLimit(cause)) throw new TemplateFault(at, 'limit');
    // A filter cannot take the value: `url_decode` of a lone `%`, say. Its message would quote the text.
    throw new TemplateFault(at, 'unusable', cause instanceof Error ? cause.name : 'a filter failed');
  }
}

/** The library's own bounds, and the engine's. */
const isLimit = (cause: unknown): boolean =>
  cause instanceof Error && (/ limit exceeded$/.test(cause.message) || cause instanceof RangeError);

/** Members that identify a thing: with an empty value the call would be about another one. */
const ID_NAME = /^(?:id|Id|ID)$|[_-](?:id|Id|ID)$|[a-z](?:Id|ID)$/;

interface TreePlace {
  at: string;
  /** An inserted value of an id's member must not be empty. */
  strictIds?: boolean;
  isId?: boolean;
  /** Compiles `{ $cel: … }`, which is a fault without it. */
  cel?: (source: string, at: string) => CompiledTree;
}

/** Throws a `TemplateSyntax` at the first faulty leaf. */
export function compileTree(source: TemplateTree, place: TreePlace): CompiledTree {
  const { at, strictIds = false, isId = false } = place;
  if (typeof source === 'string') return compileWith(isId ? strictEngine : textEngine, source, at);
  if (source === null || typeof source !== 'object') return { reads: [], render: () => source };
  if (Array.isArray(source)) {
    const items = source.map((item, index) => compileTree(item, { ...place, at: `${at}[${index}]` }));
    return {
      reads: items.flatMap(({ reads }) => reads),
      render: (context, limits) => items.map((item) => item.render(context, limits)),
    };
  }
  if ('$value' in source) return compileValue(source, { at, isId });
  if ('$cel' in source) return compileCel(source, place);
  if (isOptional(source)) throw new TemplateSyntax(at, '$optional is of a member of an object');
  const members = Object.entries(source).map(([name, value]) => {
    const inside = { ...place, at: `${at}.${name}`, isId: strictIds && ID_NAME.test(name) };
    if (!isOptional(value)) return { name, tree: compileTree(value, inside), isKept: () => true };
    return {
      name,
      tree: compileValue(value, { at: inside.at }),
      isKept: (made: unknown) => !isEmpty(made),
    };
  });
  return {
    reads: members.flatMap(({ tree }) => tree.reads),
    render: (context, limits) => {
      const made = members.map(({ name, tree, isKept }) => ({ name, isKept, value: tree.render(context, limits) }));
      return Object.fromEntries(
        made.filter(({ isKept, value }) => isKept(value)).map(({ name, value }) => [name, value]),
      );
    },
  };
}

type TreeObject = Record<string, TemplateTree>;

const isOptional = (source: TemplateTree): source is { $optional: TemplateTree } =>
  typeof source === 'object' && source !== null && !Array.isArray(source) && '$optional' in source;

function compileCel(source: TreeObject, { at, cel }: TreePlace): CompiledTree {
  if (cel === undefined) throw new TemplateSyntax(at, '$cel is of the value of a transform step: read that one here');
  if (typeof source.$cel !== 'string' || Object.keys(source).length > 1)
    throw new TemplateSyntax(at, '$cel has no siblings and is an expression');
  return cel(source.$cel, at);
}

function compileValue(source: TreeObject, { at, isId = false }: TreePlace): CompiledTree {
  const expression = source.$value ?? source.$optional;
  if (typeof expression !== 'string' || Object.keys(source).length > 1)
    throw new TemplateSyntax(at, `${Object.keys(source)[0]} has no siblings and is an expression`);
  const { reads } = compileWith(textEngine, `{{ ${expression} }}`, at);
  return {
    reads,
    render: (context, limits) => {
      const value = guarded(at, () => {
        const scope = new Context(context, textEngine.options, { sync: true, ...optionsOf(limits) });
        return wellFormed(textEngine.evalValueSync(expression, scope) ?? null);
      });
      if (isId && isEmpty(value)) throw new TemplateFault(at, 'empty');
      return value;
    },
  };
}

const syntaxFault = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/, line:\d+, col:\d+$/, '') ?? '';
