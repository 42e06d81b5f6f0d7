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

const BATCH_BYTES = 8_192;
const BATCH_MS = 100;

/**
 * Standard output, written a few times a second: one write for each line costs more than the line. The batch is flushed when the process
 * exits; a SIGKILL loses the last tenth of a second. Synchronous, because an asynchronous write that is under way at the exit is lost.
 */
export function batchedStdout(): DestinationStream {
  const stdout = pino.destination({ sync: true, minLength: BATCH_BYTES, periodicFlush: BATCH_MS });
  process.once('exit', () => stdout.flushSync());
  return stdout;
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
