/**
 * Reads a tool's options. `--help` prints the usage and exits with 0; if `read` throws, the fault is printed with the
 * usage, and the exit code is 2.
 */
export function readCommandLine<T>(usage: string, read: (args: string[]) => T): T {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
