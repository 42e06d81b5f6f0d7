import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Server, startPostgres } from '@pressferry/embedded';
import pg from 'pg';
import { temporaryFolder } from './folders.ts';
import { trackLive } from './leaks.ts';

/** Disposal drops it with its connections. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

/** A share in this process's one Postgres server. */
export interface TestPostgres extends AsyncDisposable {
  /** For tests that kill or restart it. */
  readonly server: Server;
  /** A copy of the template. */
  createDatabase(): Promise<TestDatabase>;
}

/** `prepare` fills the template database once (migrations). */
export interface TestPostgresOptions {
  prepare?: (url: string) => Promise<unknown>;
}

interface Shared {
  server: Server;
  shares: number;
  end: () => Promise<void>;
}

let shared: Promise<Shared> | undefined;

/**
 * Starts or joins this process' Postgres (not durable), which stops with its last share. Take one per test file, in
 * `before`.
 */
export async function startTestPostgres({ prepare }: TestPostgresOptions = {}): Promise<TestPostgres> {
  shared ??= startShared();
  const owned = await shared;
  owned.shares++;
  const { server } = owned;
  const names = new Set<string>();
  const create = async (template?: string) => {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    await sql(server.url, `CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`);
    names.add(name);
    return { name, url: withDatabase(server.url, name) };
  };
  const drop = async (name: string) => {
    names.delete(name);
    await sql(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  let template: Promise<string> | undefined;
  const prepareTemplate = async (fill: (url: string) => Promise<unknown>) => {
    const { name, url } = await create();
    await fill(url);
    return name;
  };

  let disposed = false;
  return {
    server,
    async createDatabase() {
      if (prepare) template ??= prepareTemplate(prepare);
      const { name, url } = await create(await template);
      return { name, url, [Symbol.asyncDispose]: () => drop(name) };
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      if (--owned.shares === 0) return owned.end();
      for (const name of names) await drop(name);
    },
  };
}

async function startShared(): Promise<Shared> {
  const folder = await temporaryFolder('postgres');
  try {
    const settings = { max_connections: '200', autovacuum: 'off' };
    const server = await startPostgres({ dataDir: join(folder.path, 'data'), durable: false, settings });
    const end = async () => {
      shared = undefined;
      // A kill would leave its shared memory behind until the machine restarts.
      await server.stop();
      release();
      await folder.remove();
    };
    const { release } = trackLive('postgres', end);
    return { server, shares: 0, end };
  } catch (error) {
    shared = undefined;
    await folder.remove();
    throw error;
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function sql(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
