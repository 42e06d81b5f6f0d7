import { styleText } from 'node:util';
import { isAbort } from '@pressferry/admin';
import { isWarning, readableLogLine } from './log-line.ts';

export interface Reporter {
  /** Prints one line for a piece of work, with its duration; `progress` prints a line in between. */
  step: <T>(
    title: string,
    work: (progress: (line: string) => void) => Promise<T>,
    detail?: (value: T) => string,
  ) => Promise<T>;
  say: (line: string) => void;
  lines: (lines: string[]) => void;
  log: (source: string, line: string) => void;
}

export interface ReporterOptions {
  write: (line: string) => void;
  /** Receives the children's lines unchanged, alone on stdout: progress must then go elsewhere. */
  writeRaw?: ((line: string) => void) | undefined;
  quiet?: boolean;
  styled?: boolean;
}

const TITLE_WIDTH = 24;
const SOURCE_WIDTH = 11;
const TALKATIVE = new Set(['postgres', 'nats', 'vendor']);

export function createReporter({ write, writeRaw, quiet = false, styled = false }: ReporterOptions): Reporter {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    styled ? styleText(format, text, { validateStream: false }) : text;
  const line = (mark: string, title: string, rest: string): void =>
    write(`${mark} ${title.padEnd(TITLE_WIDTH)} ${rest}`.trimEnd());
  return {
    async step(title, work, detail) {
      const startedAt = performance.now();
      const took = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`.padStart(7);
      try {
        const value = await work((text) => line(style('dim', '·'), title, `${took()}  ${text}`));
        line(style('green', '✓'), title, `${took()}  ${detail?.(value) ?? ''}`);
        return value;
      } catch (error) {
        line(style('red', '✗'), title, `${took()}  ${isAbort(error) ? 'called off' : 'failed'}`);
        throw error;
      }
    },
    lines: (texts) => texts.forEach(write),
    say: (text) => line(style('cyan', '›'), text, ''),
    log: (source, text) => {
      if ((quiet || TALKATIVE.has(source)) && !isWarning(text)) return;
      if (writeRaw !== undefined) writeRaw(text);
      else write(`${style('dim', `${source.padEnd(SOURCE_WIDTH)}│`)} ${readableLogLine(text)}`);
    },
  };
}
