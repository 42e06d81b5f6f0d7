import { ConfigError } from '@pressferry/runtime';
import { knownFault } from './known-fault.ts';

/** Names of errors that are for the operator to mend. */
const EXPECTED = ['EndedError', 'InUseError'];

/** An error and its causes for people; a stack trace only if it is our bug. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = knownFault(error);
  if (known !== undefined) return known;
  const expected = error instanceof ConfigError || error.constructor === Error || EXPECTED.includes(error.name);
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : '';
  return expected ? `${error.message}${cause}` : (error.stack ?? error.message);
}
