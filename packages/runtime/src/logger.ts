import { trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger } from 'pino';

/** What must never be printed, wherever a log call should carry it by mistake. */
const REDACTED = ['authorization', 'signature', 'token', 'secret', 'password', 'body', 'data', 'email'].flatMap(
  (name) => [name, `*.${name}`, `*["${name === 'authorization' ? 'Authorization' : `x-${name}`}"]`],
);

/** A JSON logger, on stdout unless told: one line a record, the service's name in each, the trace id where there is one. */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    messageKey: 'msg',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
    mixin: () => {
      const traceId = trace.getActiveSpan()?.spanContext().traceId;
      return traceId === undefined ? {} : { trace_id: traceId };
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** A logger, and the place it writes to, for lines that are made without it. */
export interface LogOutput {
  logger: Logger;
  /** Writes one line as it is; the caller answers for its form and for what stands in it. */
  write: (line: string) => void;
}

const GATHERED_CHARS = 32_768;
const GATHERED_MS = 100;

/**
 * A logger, and a way to write lines that are gathered and handed on a few times a second: where there is one for each request, its
 * write must not cost more than what it tells of. They are flushed when the process exits; what kills it takes the last tenth of a
 * second along. The stream itself is synchronous: what an asynchronous one has in hand when the process exits is lost.
 */
export function openLog(
  service: string,
  level: string,
  destination: DestinationStream = pino.destination({ sync: true }),
): LogOutput {
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (gathered !== '') destination.write(gathered);
    gathered = '';
  };
  // What was gathered goes first, so that lines stand in the order of what they tell.
  const inOrder = {
    write: (line: string): void => {
      flush();
      destination.write(line);
    },
  };
  let isFollowed = false;
  return {
    logger: createLogger(service, level, inOrder),
    write: (line) => {
      if (!isFollowed) process.once('exit', flush);
      isFollowed = true;
      gathered += line;
      if (gathered.length >= GATHERED_CHARS) flush();
      else timer ??= setTimeout(flush, GATHERED_MS).unref();
    },
  };
}

/** What of an error may be logged: name, code and message of it and its cause, no fields and no messages that could hold a payload. */
export function errorFields(error: unknown): { error: string; error_code?: string; cause?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = codeOf(error);
  return {
    error: describe(error),
    ...(code === undefined ? {} : { error_code: code }),
    ...(error.cause instanceof Error ? { cause: describe(error.cause) } : {}),
  };
}

const codeOf = (error: Error): string | undefined =>
  'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** V8 quotes the text that it could not parse, and Postgres the value that is at fault (SQLSTATE class 22). */
const quotesInput = (error: Error): boolean =>
  error instanceof SyntaxError || /^22[0-9A-Z]{3}$/.test(codeOf(error) ?? '');

const describe = (error: Error): string => (quotesInput(error) ? error.name : `${error.name}: ${error.message}`);
