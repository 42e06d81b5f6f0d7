import { createLogger, type Logger } from '@pressferry/runtime';

/** A log whose lines a test can read, as they would have been printed. */
export interface GatheredLog {
  logger: Logger;
  lines: string[];
  /** The lines of one message, parsed. */
  of: (message: string) => Record<string, unknown>[];
}

export function gatherLog(level = 'info'): GatheredLog {
  const lines: string[] = [];
  return {
    logger: createLogger('ingress', level, { write: (line) => void lines.push(line) }),
    lines,
    of: (message) => lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message),
  };
}
