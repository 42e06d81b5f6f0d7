import { BUILT_IN_EVENT_TYPES, loadCatalogue } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Connection } from '@pressferry/jetstream';
import { publishSite, type Rules } from '@pressferry/registry';
import { ConfigError, createKeyring, flag, type Keyring, list, parseConfig } from '@pressferry/runtime';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { checkNatsConfig, natsFrom, sealingKeysFrom } from '../connections.ts';

export interface SiteFlags {
  json?: boolean;
  allowHttp?: boolean;
  allowPrivate?: boolean;
  allowHs256?: boolean;
}

/** Callback's and ingress' settings, as variables of the same names or as options. */
const policyConfig = z.object({
  ALLOW_HTTP_CALLBACKS: flag().default(false),
  ALLOW_PRIVATE_ADDRESSES: flag().default(false),
  ALLOW_HS256: flag().default(false),
  EVENT_TYPES_DIRS: list().default([]),
});

export function rulesFrom(env: NodeJS.ProcessEnv, flags: SiteFlags): Rules {
  const config = parseConfig(policyConfig, env);
  let eventTypes: Rules['eventTypes'] | undefined;
  return {
    allowHttp: flags.allowHttp === true || config.ALLOW_HTTP_CALLBACKS,
    allowPrivate: flags.allowPrivate === true || config.ALLOW_PRIVATE_ADDRESSES,
    allowHs256: flags.allowHs256 === true || config.ALLOW_HS256,
    eventTypes: {
      // Compiling the catalogue takes a moment, and few commands name an event type.
      has: (type) => {
        eventTypes ??= loadCatalogue([BUILT_IN_EVENT_TYPES, ...config.EVENT_TYPES_DIRS]);
        return eventTypes.has(type);
      },
    },
  };
}

/** Throws a `ConfigError`. */
export function keyringFrom(env: NodeJS.ProcessEnv): Keyring {
  const keys = sealingKeysFrom(env);
  try {
    return createKeyring(keys);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`configuration cannot be used:\n  SEALING_KEYS: ${reason}`);
  }
}

/** For what can be shown without SEALING_KEYS. */
export const keyringIfSet = (env: NodeJS.ProcessEnv): Keyring | undefined =>
  env.SEALING_KEYS || env.SEALING_KEYS_FILE ? keyringFrom(env) : undefined;

const NATS_TIMEOUT_MS = 5_000;

/** Resolves to the reason if publishing failed. `work` gets the connection. */
export async function publishing(
  env: NodeJS.ProcessEnv,
  work: (connection: Connection) => Promise<unknown>,
): Promise<string | null> {
  try {
    await using connection = await natsFrom(env, NATS_TIMEOUT_MS);
    await work(connection);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const publishingSites = (
  env: NodeJS.ProcessEnv,
  db: Database,
  siteIds: readonly string[],
): Promise<string | null> =>
  publishing(env, async ({ nats }) => {
    for (const siteId of siteIds) await publishSite(db, nats, siteId);
  });

/** Rejects, before anything is written, without a NATS configuration. */
export const checkPublishing = (env: NodeJS.ProcessEnv): void => checkNatsConfig(env);

export const jsonOption = (): Option => new Option('--json', 'print one JSON document, also of a refusal');

export const addPolicyOptions = (command: Command): Command =>
  command
    .option('--allow-http', 'take a plain http: callback URL, as ALLOW_HTTP_CALLBACKS=true does')
    .option('--allow-private', 'take a callback URL at a private address, as ALLOW_PRIVATE_ADDRESSES=true does');

export const hs256Option = (): Option =>
  new Option('--allow-hs256', 'take a key for HS256, as ALLOW_HS256=true does; ingress and callback need that too');
