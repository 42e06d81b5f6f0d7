import { createReporter, type Reporter } from './reporter.ts';

/** How the children's lines are shown. */
export interface LogStyle {
  jsonLogs?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** The reporter of this process: everything on stdout, but with raw JSON logs the progress goes to stderr. */
export function terminalReporter({ jsonLogs = false, quiet = false }: LogStyle): Reporter {
  const stream = jsonLogs ? process.stderr : process.stdout;
  return createReporter({
    write: (line) => stream.write(`${line}\n`),
    writeRaw: jsonLogs ? (line) => process.stdout.write(`${line}\n`) : undefined,
    quiet,
    styled: stream.isTTY === true && !process.env.NO_COLOR,
  });
}
