import { trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger } from 'pino';

/** Never printed, whatever call logs them; as headers they may begin with `x-`. */
const WITHHELD = new Set(['authorization', 'signature', 'token', 'secret', 'password', 'body', 'data', 'email']);
const LONGEST = Math.max(...[...WITHHELD].map((name) => `x-${name}`.length));
/** Deeper nesting may be a cycle. */
const DEEPEST = 4;

const isWithheld = (name: string): boolean =>
  WITHHELD.has(name) || (name.length <= LONGEST && WITHHELD.has(name.toLowerCase().replace(/^x-/, '')));

/**
 * Removes withheld fields at any depth; the same object if there are none. Not pino's `redact`, whose wildcards cost
 * ten times the rest of a line (docs/decisions/0036-log-lines-without-pinos-redaction.md).
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
  // Its own form, a date's say, has no fields to check.
  if ('toJSON' in value) return value;
  return censored(value as Record<string, unknown>, depth + 1);
}

/** JSON lines with the service's name, and the trace id if there is one; on stdout by default. */
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
 * Batches writes, because one write per line costs more than the line. Flushed at exit; a SIGKILL loses the last tenth
 * of a second. Synchronous, because an asynchronous write is lost at exit.
 */
export function batchedStdout(): DestinationStream {
  const stdout = pino.destination({ sync: true, minLength: BATCH_BYTES });
  process.once('exit', () => stdout.flushSync());
  let isDue = false;
  return {
    write: (line) => {
      stdout.write(line);
      // pino's `periodicFlush` wakes the process ten times a second, lines or none.
      if (isDue) return;
      isDue = true;
      setTimeout(() => {
        isDue = false;
        stdout.flush();
      }, BATCH_MS);
    },
  };
}

/**
 * The loggable part of an error: name, code and message of it and its cause, without fields or messages that may hold a
 * payload.
 */
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

/** V8 quotes text that it could not parse, and Postgres the faulty value (SQLSTATE class 22). */
const quotesInput = (error: Error): boolean =>
  error instanceof SyntaxError || /^22[0-9A-Z]{3}$/.test(codeOf(error) ?? '');

const describe = (error: Error): string => (quotesInput(error) ? error.name : `${error.name}: ${error.message}`);
