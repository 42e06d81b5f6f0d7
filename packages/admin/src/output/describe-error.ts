import { ConfigError } from '@pressferry/runtime';
import { knownFault } from './known-fault.ts';

/** Errors for the operator, without a stack. */
const EXPECTED = ['EndedError', 'InUseError'];

/** With its causes; a stack trace only for our bugs. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = knownFault(error);
  if (known !== undefined) return known;
  const expected = error instanceof ConfigError || error.constructor === Error || EXPECTED.includes(error.name);
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : '';
  return expected ? `${error.message}${cause}` : (error.stack ?? error.message);
}
