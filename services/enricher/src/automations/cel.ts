import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';

export interface Conditions {
  /** Undefined if there is none. */
  faultOf: (source: string) => string | undefined;
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

const CALL = '.matches(';

/** The library's `matches` may take quadratic time; ours is linear. Renames calls, not literals. */
function withLinearMatches(source: string): string {
  let made = '';
  let quote = '';
  for (let at = 0; at < source.length; at++) {
    const character = source[at] ?? '';
    if (quote !== '' && character === '\\') {
      made += source.slice(at, at + 2);
      at++;
    } else if (quote === '' && source.startsWith(CALL, at)) {
      made += '.matchesLinear(';
      at += CALL.length - 1;
    } else {
      if (character === quote) quote = '';
      else if (quote === '' && (character === '"' || character === "'")) quote = character;
      made += character;
    }
  }
  return made;
}

const SPACED_CALL = /\bmatches\s{1,9}\(/;

/** `isMixed`: lists, maps and branches may mix types, and JSON's numbers mix with whole ones. */
export function createExpressions(variables: Readonly<Record<string, string>>, { isMixed = false } = {}): Expressions {
  const limits = { maxAstNodes: 500, maxDepth: 20 };
  const environment = new Environment(isMixed ? { limits, homogeneousAggregateLiterals: false } : { limits });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  environment.registerFunction('string.matchesLinear(string): bool', (text: string, pattern: string) => {
    if (pattern.length > MAX_PATTERN) throw new Error('the pattern is too long');
    return RE2JS.compile(pattern).matcher(text).find();
  });
  if (isMixed) countTogether(environment);
  return {
    check: (source, what) => {
      if (SPACED_CALL.test(source)) return { fault: `is not ${what}: write matches( without a space` };
      const text = withLinearMatches(source);
      const { valid, error, type } = environment.check(text);
      if (valid) return { ast: environment.parse(text).ast, type: type ?? 'dyn' };
      const why = (error?.message.split('\n')[0] ?? 'it does not parse').replaceAll('matchesLinear', 'matches');
      return { fault: `is not ${what}: ${why}` };
    },
    evaluate: (source, values) => environment.evaluate(withLinearMatches(source), values),
  };
}

/** JSON's numbers are doubles; this makes `event.data.price * 100` work. */
function countTogether(environment: Environment): void {
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  };
  for (const [sign, count] of Object.entries(operators)) {
    environment.registerOperator(`double ${sign} int`, (a: number, b: bigint) => count(a, Number(b)));
    environment.registerOperator(`int ${sign} double`, (a: bigint, b: number) => count(Number(a), b));
  }
}

export function createConditions(variables: Readonly<Record<string, string>>): Conditions {
  const { check, evaluate } = createExpressions(variables);
  return {
    faultOf: (source) => {
      const checked = check(source, 'a condition');
      return 'fault' in checked ? checked.fault : undefined;
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
