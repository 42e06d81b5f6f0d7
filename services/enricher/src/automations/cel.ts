import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';

/** Conditions in CEL over some variables. */
export interface Conditions {
  /** The fault of a condition; undefined if there is none. */
  faultOf: (source: string) => string | undefined;
  /** Whether it holds; false if a member that it reads is not there. */
  holds: (source: string, values: Record<string, unknown>) => boolean;
}

const MAX_PATTERN = 500;

const CALL = '.matches(';

/**
 * The library's `matches` runs patterns whose time may grow with the square of a text; this one's grows with its length. A call is
 * renamed; a literal is left alone.
 */
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

export function createConditions(variables: Readonly<Record<string, string>>): Conditions {
  const environment = new Environment({ limits: { maxAstNodes: 500, maxDepth: 20 } });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  environment.registerFunction('string.matchesLinear(string): bool', (text: string, pattern: string) => {
    if (pattern.length > MAX_PATTERN) throw new Error('the pattern is too long');
    return RE2JS.compile(pattern).matcher(text).find();
  });
  return {
    faultOf: (source) => {
      if (SPACED_CALL.test(source)) return 'is not a condition: write matches( without a space';
      const { valid, error } = environment.check(withLinearMatches(source));
      if (valid) return undefined;
      return `is not a condition: ${(error?.message.split('\n')[0] ?? 'it does not parse').replaceAll('matchesLinear', 'matches')}`;
    },
    holds: (source, values) => {
      try {
        return environment.evaluate(withLinearMatches(source), values) === true;
      } catch {
        return false;
      }
    },
  };
}
