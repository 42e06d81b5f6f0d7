import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';

export interface Conditions {
  check: (source: string) => { reads: string[][]; siteIds: string[] } | { fault: string };
  /** False if a member that it reads is missing. */
  holds: (source: string, values: Record<string, unknown>) => boolean;
}

export interface Expressions {
  /** Syntax and type as far as known, or a fault, which calls the expression `what`. */
  check: (source: string, what: string) => { ast: ASTNode; type: string } | { fault: string };
  /** Throws if a member that it reads is missing, or types do not fit. */
  evaluate: (source: string, values: Record<string, unknown>) => unknown;
}

const MAX_PATTERN = 500;

/**
 * The library's `matches` may take quadratic time; ours is linear. Renames calls in the syntax tree, so no spelling
 * escapes it. Returns literal patterns.
 */
function withLinearMatches(ast: ASTNode): string[] {
  const patterns: string[] = [];
  for (const node of nodesIn(ast)) {
    if (node.op !== 'rcall' || node.args[0] !== 'matches') continue;
    node.args[0] = 'matchesLinear';
    const [pattern] = node.args[2];
    if (pattern?.op === 'value' && typeof pattern.args === 'string') patterns.push(pattern.args);
  }
  return patterns;
}

function nodesIn(part: unknown): ASTNode[] {
  if (Array.isArray(part)) return part.flatMap(nodesIn);
  if (typeof part !== 'object' || part === null || !('op' in part)) return [];
  const node = part as ASTNode;
  return [node, ...nodesIn(node.args)];
}

function patternFault(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN) return `the pattern is longer than ${MAX_PATTERN} characters`;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return `the pattern cannot be used: ${error instanceof Error ? error.message : 'it does not parse'}`;
  }
}

/** Lists, maps and branches may mix types, and JSON's numbers mix with whole ones. */
export function createExpressions(variables: Readonly<Record<string, string>>): Expressions {
  const limits = { maxAstNodes: 500, maxDepth: 20 };
  const environment = new Environment({ limits, homogeneousAggregateLiterals: false });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  const patternOf = createMemo((pattern: string) => RE2JS.compile(pattern));
  environment.registerFunction('string.matchesLinear(string): bool', (text: string, pattern: string) => {
    if (pattern.length > MAX_PATTERN) throw new Error('the pattern is too long');
    return patternOf(pattern).matcher(text).find();
  });
  countTogether(environment);
  const programOf = createMemo((source: string) => {
    const parsed = environment.parse(source);
    withLinearMatches(parsed.ast);
    return parsed;
  });
  return {
    check: (source, what) => {
      try {
        const parsed = environment.parse(source);
        const fault = withLinearMatches(parsed.ast).map(patternFault).find(Boolean);
        const { valid, error, type } = parsed.check();
        if (!valid) throw error ?? new Error('it does not parse');
        return fault === undefined ? { ast: parsed.ast, type: type ?? 'dyn' } : { fault: `is not ${what}: ${fault}` };
      } catch (error) {
        const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it does not parse';
        return { fault: `is not ${what}: ${why.replaceAll('matchesLinear', 'matches')}` };
      }
    },
    evaluate: (source, values) => programOf(source)(values),
  };
}

const MEMO_SIZE = 1_000;

/** A condition is asked of every event, a pattern perhaps of every member of a list. */
function createMemo<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const made = make(text);
    if (known.size >= MEMO_SIZE) known.clear();
    known.set(text, made);
    return made;
  };
}

/** JSON's numbers are doubles; this makes `event.data.price * 100` and `event.data.post_id % 2 == 0` work. */
function countTogether(environment: Environment): void {
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  for (const [sign, count] of Object.entries(operators)) {
    environment.registerOperator(`double ${sign} int: double`, (a: number, b: bigint) => count(a, Number(b)));
    environment.registerOperator(`int ${sign} double: double`, (a: bigint, b: number) => count(Number(a), b));
  }
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
}

export function createConditions(variables: Readonly<Record<string, string>>): Conditions {
  const { check, evaluate } = createExpressions(variables);
  return {
    check: (source) => {
      const checked = check(source, 'a condition');
      if ('fault' in checked) return { fault: checked.fault };
      if (checked.type !== 'bool' && checked.type !== 'dyn')
        return { fault: `is not a condition: it gives a value of type ${checked.type}` };
      return { reads: pathsIn(checked.ast), siteIds: siteIdsIn(checked.ast) };
    },
    holds: (source, values) => {
      try {
        return evaluate(source, values) === true;
      } catch {
        return false;
      }
    },
  };
}

/** Texts that `site.id` is compared with, or looked up in. */
function siteIdsIn(ast: ASTNode): string[] {
  return nodesIn(ast).flatMap((node) => {
    if (node.op !== '==' && node.op !== '!=' && node.op !== 'in') return [];
    const sides = node.args as ASTNode[];
    if (!sides.some((side) => pathOf(side)?.join('.') === 'site.id')) return [];
    return sides.flatMap((side) => (side.op === 'list' ? side.args : [side])).flatMap(textOf);
  });
}

const textOf = (node: ASTNode): string[] => (node.op === 'value' && typeof node.args === 'string' ? [node.args] : []);

/** If they are written out: `event.data.total`. */
export function pathsIn(node: ASTNode): string[][] {
  const path = pathOf(node);
  if (path !== undefined) return [path];
  return childrenOf(node.args).flatMap(pathsIn);
}

function pathOf(node: ASTNode): string[] | undefined {
  if (node.op === 'id') return [node.args];
  if (node.op === '.' || node.op === '.?') {
    const before = pathOf(node.args[0]);
    return before && [...before, node.args[1]];
  }
  if (node.op !== '[]' && node.op !== '[?]') return undefined;
  const before = pathOf(node.args[0]);
  const index = node.args[1];
  return before && index.op === 'value' ? [...before, String(index.args)] : undefined;
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}
