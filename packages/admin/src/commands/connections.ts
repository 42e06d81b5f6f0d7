import { type Database, openDatabase } from '@pressferry/database';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { baseConfig, parseConfig, postgresUrl } from '@pressferry/runtime';
import { z } from 'zod';

const { NATS_URL, NATS_CREDENTIALS } = baseConfig;
const natsConfig = z.object({ NATS_URL, NATS_CREDENTIALS });
const databaseConfig = z.object({ DATABASE_URL: postgresUrl() });
const sealingConfig = z.object({ SEALING_KEYS: z.string() });

const CONNECT_TIMEOUT_MS = 15_000;

export const checkNatsConfig = (env: NodeJS.ProcessEnv): void => void parseConfig(natsConfig, env);

/** Rejects after a time, because a command must end. */
export async function natsFrom(env: NodeJS.ProcessEnv, timeoutMs = CONNECT_TIMEOUT_MS): Promise<Connection> {
  const { NATS_URL: url, NATS_CREDENTIALS: credentialsFile } = parseConfig(natsConfig, env);
  const opening = openConnection({ url, name: 'pressferry-cli', credentialsFile });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`NATS did not answer within ${timeoutMs / 1000} s; is NATS_URL right?`)),
    timeoutMs,
  );
  try {
    return await Promise.race([opening, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export const databaseFrom = (env: NodeJS.ProcessEnv): Database =>
  openDatabase({ url: parseConfig(databaseConfig, env).DATABASE_URL, applicationName: 'pressferry-cli', poolSize: 2 });

export const sealingKeysFrom = (env: NodeJS.ProcessEnv): string => parseConfig(sealingConfig, env).SEALING_KEYS;
