import { Liquid, type Template as Parsed } from 'liquidjs';
import type { TemplateTree } from './schema.ts';

/** All that a template can read: nothing of the configuration or the environment is in reach. */
export interface TemplateContext {
  event: { event_type: string; object_ref: string; occurred_at: string; data: Record<string, unknown> };
  site: { id: string };
  steps: Record<string, { output: unknown }>;
}

/** A compiled text. `render` throws where the rendering passes its limits. */
export interface TextTemplate {
  render: (context: TemplateContext) => string;
  /** What it reads of the context, as paths: `['steps', 'score', 'output', 'text']`. */
  reads: string[][];
}

/** A compiled tree: rendered leaf by leaf, so that no content can break out of its place in the JSON. */
export interface CompiledTree {
  render: (context: TemplateContext) => unknown;
  reads: string[][];
}

// A template is an operator's, but what it loops over and joins is a visitor's.
const LIMITS = { renderLimit: 1_000, memoryLimit: 50_000_000, templateLimit: 100_000 };
const FILE_TAGS = ['include', 'render', 'layout', 'block'];

const engine = createEngine({});
const pathEngine = createEngine({ outputEscape: (value) => encodeURIComponent(String(value ?? '')) });

function createEngine(options: { outputEscape?: (value: unknown) => string }): Liquid {
  const liquid = new Liquid({
    strictFilters: true,
    ownPropertyOnly: true,
    templates: {},
    timezoneOffset: 0,
    ...options,
  });
  // They would read files.
  for (const tag of FILE_TAGS) delete liquid.tags[tag];
  return liquid;
}

/** Compiles a text. Throws on a syntax error or an unknown filter or tag. */
export const compileText = (source: string): TextTemplate => compileWith(engine, source);

/** Compiles a URL path: each inserted value is percent-encoded. `render` throws where a value makes a dot segment. */
export function compilePath(source: string): TextTemplate {
  const { render, reads } = compileWith(pathEngine, source);
  return {
    reads,
    render: (context) => {
      const path = render(context);
      const isUnsafe = /[\s\\]/.test(path) || path.startsWith('//');
      if (isUnsafe || path.split(/[/?#]/).some((part) => part === '.' || part === '..'))
        throw new Error('the rendered path leaves its place');
      return path;
    },
  };
}

function compileWith(liquid: Liquid, source: string): TextTemplate {
  const parsed: Parsed[] = liquid.parse(source);
  return {
    reads: readsOf(liquid, parsed),
    render: (context) => String(liquid.renderSync(parsed, context, LIMITS)),
  };
}

const readsOf = (liquid: Liquid, parsed: Parsed[]): string[][] =>
  liquid.globalVariableSegmentsSync(parsed, { partials: false }).map((path) => path.map(String));

/** Compiles every text of a tree. Throws an `Error` that names the first faulty leaf's path. */
export function compileTree(source: TemplateTree, at = ''): CompiledTree {
  if (typeof source === 'string') return compileLeaf(source, at);
  if (source === null || typeof source !== 'object') return { reads: [], render: () => source };
  if (Array.isArray(source)) {
    const items = source.map((item, index) => compileTree(item, `${at}[${index}]`));
    return {
      reads: items.flatMap(({ reads }) => reads),
      render: (context) => items.map((item) => item.render(context)),
    };
  }
  if ('$value' in source) return compileValue(source, at);
  const members = Object.entries(source).map(([name, value]) => [name, compileTree(value, `${at}.${name}`)] as const);
  return {
    reads: members.flatMap(([, { reads }]) => reads),
    render: (context) => Object.fromEntries(members.map(([name, member]) => [name, member.render(context)])),
  };
}

function compileLeaf(source: string, at: string): TextTemplate {
  try {
    return compileText(source);
  } catch (error) {
    throw new Error(`${at.replace(/^\./, '')}: ${templateFault(error)}`);
  }
}

function compileValue(source: Record<string, TemplateTree>, at: string): CompiledTree {
  const expression = source.$value;
  if (typeof expression !== 'string' || Object.keys(source).length > 1)
    throw new Error(`${at}: $value stands alone and is an expression`);
  const { reads } = compileLeaf(`{{ ${expression} }}`, at);
  return { reads, render: (context) => engine.evalValueSync(expression, context) ?? null };
}

/** What is wrong with a template, without its text. */
export const templateFault = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/, line:\d+, col:\d+$/, '') ?? '';
