import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { type Database, migrate, openDatabase } from '@pressferry/database';
import { applyStreams, type Connection, openConnection } from '@pressferry/jetstream';
import { publishSites } from '@pressferry/registry';
import { createKeyring } from '@pressferry/runtime';
import { followSites, type SiteDirectory } from '@pressferry/sites';
import { startTestNats, startTestPostgres, temporaryDataDir, waitFor } from '@pressferry/testing';
import { pressferry } from './command.ts';

export const SEALING_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;
export const keyring = createKeyring(SEALING_KEYS);

/** What a command printed and ended with. */
export interface Ran {
  code: number | null;
  output: string;
}

/** Servers with the product's schema and streams, a replica that follows the registry, and a folder for files. */
export interface RegistryWorld extends AsyncDisposable {
  nats: Awaited<ReturnType<typeof startTestNats>>;
  db: Database;
  connection: Connection;
  env: Record<string, string>;
  sites: SiteDirectory;
  /** Runs a command to its end; its exit code must be 0 unless another one is given. */
  run: (args: string[], expected?: { code?: number; env?: Record<string, string>; input?: string }) => Promise<string>;
  /** The same of a command with `--json`, its document parsed. */
  json: (
    args: string[],
    expected?: { code?: number; env?: Record<string, string> },
  ) => Promise<Record<string, unknown>>;
  /** Writes a file; resolves to its path. */
  file: (name: string, text: string) => Promise<string>;
  path: (name: string) => string;
  /** The site's status in the replica; polled until it is this. */
  inForce: (siteId: string, status: string) => Promise<unknown>;
}

export async function createRegistryWorld(): Promise<RegistryWorld> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const postgres = resources.use(await startTestPostgres());
  const { url } = resources.use(await postgres.createDatabase());
  const db = resources.use(openDatabase({ url, applicationName: 'test' }));
  await migrate(db);
  const folder = resources.use(await temporaryDataDir());
  const connection = resources.use(await openConnection({ url: nats.url, name: 'test' }));
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), []);
  await publishSites(db, connection.nats);
  const sites = resources.use(followSites(connection, keyring, { onFault: () => undefined }));
  const env = { NATS_URL: nats.url, DATABASE_URL: url, SEALING_KEYS };
  const path = (name: string): string => join(folder.parent, name);
  const run: RegistryWorld['run'] = async (args, { code = 0, env: more = {}, input } = {}) => {
    const command = pressferry(args, { ...env, ...more }, input);
    assert.equal(await command.exited, code, command.output());
    return command.output();
  };
  const owned = resources.move();
  return {
    ...{ nats, db, connection, env, sites, run, path },
    json: async (args, expected) => JSON.parse(await run([...args, '--json'], expected)) as Record<string, unknown>,
    file: async (name, text) => {
      await writeFile(path(name), text, { mode: 0o600 });
      return path(name);
    },
    inForce: (siteId, status) => {
      const statusOf = (): string => {
        const found = sites.lookUp(siteId);
        return typeof found === 'string' ? found : found.status;
      };
      const isInForce = async (): Promise<boolean> => {
        await connection.nats.flush();
        return statusOf() === status;
      };
      // Within two seconds; a pause of NATS lengthens the asking too.
      return waitFor(isInForce, { what: `${siteId} to be ${status}`, everyMs: 50, most: 40 });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
