import { ConfigError } from '@pressferry/runtime';
import { describeError } from '../foreground.ts';
import { EXIT } from './exit-codes.ts';

/**
 * Runs a command that ends by itself with the exit code it resolves to, 0 unless it says. If it rejects, the reason is printed, and
 * the exit code is 1, or 78 for a faulty configuration.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  const exitCode = await command().then(
    (code) => (typeof code === 'number' ? code : EXIT.done),
    (error: unknown) => {
      console.error(describeError(error));
      return error instanceof ConfigError ? EXIT.config : EXIT.failed;
    },
  );
  if (exitCode === EXIT.done) return;
  // Not left to the end of the event loop: a connection that still tries would keep the process. What was printed goes out first.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(exitCode);
}
