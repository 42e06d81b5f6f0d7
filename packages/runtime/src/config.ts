import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The message lists every fault and prints no value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Parses the environment by a zod object keyed by variable names. `NAME_FILE` may name a file with NAME's value
 * (mounted secrets); an empty variable counts as unset. Throws `ConfigError` with all faults.
 */
export function parseConfig<T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const faults: string[] = [];
  const raw: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = readVariable(name, env, faults);
    if (value !== undefined) raw[name] = value;
  }
  const parsed = schema.safeParse(raw);
  for (const issue of parsed.error?.issues ?? []) {
    const name = issue.path.map(String).join('.');
    faults.push(
      raw[name] === undefined && issue.code === 'invalid_type' ? `${name} is not set` : `${name}: ${issue.message}`,
    );
  }
  if (!parsed.success || faults.length > 0)
    throw new ConfigError(`configuration cannot be used:\n  ${faults.join('\n  ')}`);
  return parsed.data;
}

function readVariable(name: string, env: NodeJS.ProcessEnv, faults: string[]): string | undefined {
  const value = env[name] || undefined;
  const file = env[`${name}_FILE`] || undefined;
  if (file === undefined) return value;
  if (value !== undefined) faults.push(`${name} and ${name}_FILE are both set`);
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    faults.push(
      `${name}_FILE cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'error'})`,
    );
    return undefined;
  }
}

/** A whole number in digits. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

export const flag = () => z.enum(['true', 'false']).transform((value) => value === 'true');

/** Comma-separated, trimmed, without empty parts. */
export const list = () =>
  z.string().transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/** Servers of NATS, separated by commas; the first may carry a token or `user:password` before its `@`. */
const natsUrls = () =>
  z.string().refine((text) => text.split(',').every(isNatsUrl), {
    message: 'write nats://host:4222, or several with commas between them',
  });

function isNatsUrl(text: string): boolean {
  const url = URL.parse(/^[a-z]+:\/\//.test(text) ? text : `nats://${text}`);
  return url !== null && url.hostname !== '' && (url.protocol === 'nats:' || url.protocol === 'tls:');
}

/** Where Postgres is. What follows the scheme is judged by the driver, which knows sockets and options. */
export const postgresUrl = () =>
  z.string().regex(/^postgres(ql)?:\/\/./, 'write postgres://user:password@host:5432/database');

export const baseConfig = {
  /** The lowest level of log lines written. */
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Where `/livez`, `/readyz` and `/metrics` are served; port 0 takes a free one. */
  OPS_HOST: z.string().default('0.0.0.0'),
  OPS_PORT: integer(0, 65535).default(9464),
  /** How long work in flight may take after SIGTERM, before the process ends anyway. */
  SHUTDOWN_GRACE_MS: integer(100, 600_000).default(20_000),
  /** NATS servers, separated by commas; and the path of a credentials file, if they ask for one. */
  NATS_URL: natsUrls(),
  NATS_CREDENTIALS: z.string().optional(),
  /** How many streams the events are spread over, by a hash of the site. */
  EVENTS_SHARDS: integer(1, 256).default(1),
};
