import { ConfigError } from '@pressferry/runtime';
import { describeError } from '../output/describe-error.ts';
import { EXIT } from './exit-codes.ts';

/**
 * Exits with the code that `command` resolves to, by default 0. If it rejects, prints the reason and exits with 1, or
 * 78 for a faulty configuration. A closed output (`| head`) does not interrupt it.
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
  // Exits at once, because a retrying connection would keep the process alive. Output is flushed first.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(exitCode);
}
