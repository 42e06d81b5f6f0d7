import { ConfigError } from '@pressferry/runtime';
import { describeError } from '../output/describe-error.ts';
import { EXIT } from './exit-codes.ts';

/**
 * Runs a command that ends by itself with the exit code it resolves to, 0 unless it says. If it rejects, the reason is printed, and
 * the exit code is 1, or 78 for a faulty configuration. A reader that has gone (`| head`) ends nothing: what was begun is done whole.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  const exitCode = await command().then(
    (code) => (typeof code === 'number' ? code : EXIT.done),
    (error: unknown) => {
      console.error(describeError(error));
      return error instanceof ConfigError ? EXIT.config : EXIT.failed;
    },
  );
  if (exitCode === EXIT.done) return;
  // Exits at once, because a connection that still retries would keep the process alive. Output is flushed first.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(exitCode);
}
