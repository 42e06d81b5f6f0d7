import { createLogger, type LogOutput } from '@pressferry/runtime';

/** A log whose lines a test can read, as they would have been printed. */
export interface GatheredLog extends LogOutput {
  lines: string[];
  /** The lines of one message, parsed. */
  of: (message: string) => Record<string, unknown>[];
}

export function gatherLog(level = 'info'): GatheredLog {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return {
    logger: createLogger('ingress', level, { write }),
    write,
    lines,
    of: (message) => lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message),
  };
}
