import { ConfigError } from '@pressferry/runtime';
import { describeError } from '../output/describe-error.ts';
import { EXIT } from './exit-codes.ts';

/**
 * Runs a command that ends by itself with the exit code it resolves to, 0 unless it says. If it rejects, the reason is printed, and
 * the exit code is 1, or 78 for a faulty configuration.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  const exitCode = await command().then(
    (code) => (typeof code === 'number' ? code : EXIT.done),
    (error: unknown) => {
      console.error(databaseFault(error) ?? describeError(error));
      return error instanceof ConfigError ? EXIT.config : EXIT.failed;
    },
  );
  if (exitCode === EXIT.done) return;
  // Exits at once, because a connection that still retries would keep the process alive. Output is flushed first.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(exitCode);
}

/** By the code of the system, or of Postgres. Only calls to Postgres can fail without their own error text. */
const DATABASE_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Postgres does not answer: is DATABASE_URL right?',
  ENOTFOUND: 'the host of DATABASE_URL has no address',
  EAI_AGAIN: 'the host of DATABASE_URL has no address',
  ETIMEDOUT: 'Postgres does not answer: is DATABASE_URL right?',
  '28P01': 'Postgres refuses the role or the password of DATABASE_URL',
  '28000': 'Postgres refuses the role or the password of DATABASE_URL',
  '3D000': 'there is no such database as DATABASE_URL names',
  '42P01': 'the database has not the schema of this release: pressferry migrate',
  '42703': 'the database has not the schema of this release: pressferry migrate',
};

/** What to do about a fault of the database, if it is one that says so. */
function databaseFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const known = DATABASE_FAULTS[String(error.code)];
  return known === undefined ? undefined : `${known}\n  because: ${error.message}`;
}
