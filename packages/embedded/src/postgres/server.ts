import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { type Child, type Exit, startChild } from '../process/child.ts';
import { poll } from '../process/deadline.ts';
import { waitForOwnerToLeave } from '../process/owner.ts';
import { type Server, startServer } from '../process/server.ts';
import { type Account, postgresAccount } from './account.ts';
import { type PostgresBinaries, postgresBinaries } from './binaries.ts';
import { prepareDataDir, ROLE } from './datadir.ts';

/** `dataDir` is made if missing and reused at the next start. */
export interface PostgresOptions {
  dataDir: string;
  /** Another port is used if this one is taken: read `port` of the result. */
  port?: number;
  /** False switches fsync off, for tests: a power cut then loses or corrupts data. */
  durable?: boolean;
  /** As in postgresql.conf. */
  settings?: Record<string, string>;
  readyTimeoutMs?: number;
  onLog?: (line: string) => void;
  onUnexpectedExit?: (exit: Exit) => void;
}

const DATABASE = 'pressferry';
const GRACE_MS = 15_000;
const READY_TIMEOUT_MS = 60_000;
const LEFTOVER_TRIES = 10;

interface Launch {
  options: PostgresOptions;
  dataDir: string;
  binaries: PostgresBinaries;
  account: Account;
  urlOf: (port: number, database: string) => string;
}

/**
 * On 127.0.0.1 with a database `pressferry`; `url` holds the password. Rejects with the last lines of log if it does
 * not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<Server> {
  const dataDir = resolve(options.dataDir);
  const [binaries, account] = await Promise.all([postgresBinaries(), postgresAccount()]);
  const password = await prepareDataDir(dataDir, binaries, account);
  await leftover(dataDir);
  const urlOf = (port: number, database: string) => `postgres://${ROLE}:${password}@127.0.0.1:${port}/${database}`;
  return startServer({
    port: options.port,
    launch: (port) => launch({ options, dataDir, binaries, account, urlOf }, port),
    url: (port) => urlOf(port, DATABASE),
    onUnexpectedExit: options.onUnexpectedExit,
  });
}

/** Waits for the server of a killed process on this data directory; removes a lock file that names another program. */
function leftover(dataDir: string) {
  return waitForOwnerToLeave(join(dataDir, 'postmaster.pid'), dataDir, GRACE_MS + 1_000);
}

async function launch(how: Launch, port: number): Promise<Child> {
  const { leftBehind } = await leftover(how.dataDir);
  for (let tries = 1; ; tries++) {
    const child = await startProcess(how, port);
    try {
      const ready = poll(`Postgres to take connections on 127.0.0.1:${port}`, () => isReady(child, how, port), {
        timeoutMs: how.options.readyTimeoutMs ?? READY_TIMEOUT_MS,
      });
      await ready;
      await createDatabaseIfMissing(how.urlOf(port, 'postgres'), how.options.readyTimeoutMs);
      return child;
    } catch (cause) {
      const exitedByItself = !child.running;
      await child.kill();
      // After a SIGKILL, backends may hold the old shared memory a moment longer.
      if (leftBehind && exitedByItself && tries < LEFTOVER_TRIES) continue;
      throw new Error(`Postgres did not start; it said:\n${child.recentLog()}`, { cause });
    }
  }
}

function startProcess({ options, dataDir, binaries, account }: Launch, port: number): Promise<Child> {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...options.settings,
  };
  return startChild({
    command: binaries.postgres,
    args: [
      '-D',
      dataDir,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: dataDir,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    ...account,
    // Fast shutdown: SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    graceMs: GRACE_MS,
    onLog: options.onLog,
  });
}

async function isReady(child: Child, { urlOf, dataDir }: Launch, port: number): Promise<true | undefined> {
  if (!child.running) throw new Error('Postgres exited');
  try {
    const [row] = await query<{ data_directory: string }>(urlOf(port, 'postgres'), 'SHOW data_directory');
    // Another server on this port means that ours is about to exit.
    return row?.data_directory === (await realpath(dataDir)) || row?.data_directory === dataDir ? true : undefined;
  } catch {
    return undefined;
  }
}

async function createDatabaseIfMissing(url: string, timeoutMs: number = READY_TIMEOUT_MS): Promise<void> {
  const found = await query(url, `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`, timeoutMs);
  if (found.length === 0) await query(url, `CREATE DATABASE ${DATABASE}`, timeoutMs);
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  connectionTimeoutMillis = 5_000,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
