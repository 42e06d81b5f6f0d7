import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { withNamedStatements } from './named-statements.ts';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;

export interface DatabaseOptions {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  poolSize?: number;
  /** 3 s by default. */
  connectTimeoutMs?: number;
  /** 15 s by default. */
  statementTimeoutMs?: number;
  /** Ends a connection that does not answer for so long. By default the network does, in a quarter of an hour. */
  replyWithinMs?: number;
  /** Plans named statements once per connection, with indexes if there are any; by default Postgres decides. */
  genericPlans?: boolean;
  /** Called with connection errors; the pool reconnects by itself, and statements in flight reject as well. */
  onError?: (error: Error) => void;
}

/**
 * A plan made while a table is small reads it whole, and stays until the next analysis, however many rows, dead ones
 * too, come meanwhile. Before Postgres 18 whatever must read a whole table counts as costly enough to be compiled.
 */
export const GENERIC_PLANS = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';

/** The first statements of a new connection take 40 ms of planning, so one is kept for longer than a lull lasts. */
const IDLE_MS = 300_000;
/** Of services. Longer than usual pauses of Postgres: it still carries out statements that were given up. */
export const REPLY_WITHIN_MS = 30_000;
/** Networks forget a connection that says nothing for a few minutes. */
const KEEP_ALIVE_MS = 60_000;

/** Postgres 15 or newer. Connects on first use, so a service starts while the database is down. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.poolSize ?? 10,
    ...(options.genericPlans === true ? { options: GENERIC_PLANS } : {}),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  // On the client: the pool does not listen while it is checked out, and an unheard error would end the process.
  pool.on('connect', (client) => client.on('error', (error) => options.onError?.(error)));
  pool.on('error', () => undefined);
  return new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: withNamedStatements(pool, options.replyWithinMs) }),
  });
}
