import { createReporter, type Reporter } from './reporter.ts';

export interface LogStyle {
  jsonLogs?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** On stdout; with raw JSON logs, progress goes to stderr. */
export function terminalReporter({ jsonLogs = false, quiet = false }: LogStyle): Reporter {
  const stream = jsonLogs ? process.stderr : process.stdout;
  return createReporter({
    write: (line) => stream.write(`${line}\n`),
    writeRaw: jsonLogs ? (line) => process.stdout.write(`${line}\n`) : undefined,
    quiet,
    styled: stream.isTTY === true && !process.env.NO_COLOR,
  });
}
