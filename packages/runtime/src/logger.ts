import { trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger } from 'pino';

/** What must never be printed, whatever log call should carry it by mistake; as headers they may begin with `x-`. */
const WITHHELD = new Set(['authorization', 'signature', 'token', 'secret', 'password', 'body', 'data', 'email']);
const LONGEST = Math.max(...[...WITHHELD].map((name) => `x-${name}`.length));
/** No log line is nested deeper: a deeper one may be a cycle. */
const DEEPEST = 4;

const isWithheld = (name: string): boolean =>
  WITHHELD.has(name) || (name.length <= LONGEST && WITHHELD.has(name.toLowerCase().replace(/^x-/, '')));

/**
 * The fields without what must never be printed, at any depth; the object itself if there is nothing of it. Not pino's own `redact`,
 * whose wildcards cost ten times what the rest of a line does (docs/decisions/0036-log-lines-without-pinos-redaction.md).
 */
function censored(fields: Readonly<Record<string, unknown>>, depth = 0): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const kept = isWithheld(name) ? '[redacted]' : censoredValue(value, depth);
    if (kept === value) continue;
    copy ??= { ...fields };
    copy[name] = kept;
  }
  return copy ?? fields;
}

function censoredValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEEPEST) return '[too deep]';
  if (Array.isArray(value)) return value.map((each: unknown) => censoredValue(each, depth + 1));
  // What is written in its own form, a date say, has no fields to look at.
  if ('toJSON' in value) return value;
  return censored(value as Record<string, unknown>, depth + 1);
}

/** A JSON logger, on stdout unless told: one line a record, the service's name in each, the trace id if there is one. */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    messageKey: 'msg',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }), log: censored },
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
  const stdout = pino.destination({ sync: true, minLength: BATCH_BYTES });
  process.once('exit', () => stdout.flushSync());
  let isDue = false;
  return {
    write: (line) => {
      stdout.write(line);
      // pino's own `periodicFlush` wakes the process ten times a second, lines or none.
      if (isDue) return;
      isDue = true;
      setTimeout(() => {
        isDue = false;
        stdout.flush();
      }, BATCH_MS);
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
