import { ConfigError } from '@pressferry/runtime';
import { describeError } from '../foreground.ts';

/** Runs a command that ends by itself; where it fails, prints the reason and leaves exit code 1, or 78 for a faulty configuration. */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    console.error(describeError(error));
    // Not left to the end of the event loop: a connection that still tries would keep the process.
    process.exit(error instanceof ConfigError ? 78 : 1);
  }
}
