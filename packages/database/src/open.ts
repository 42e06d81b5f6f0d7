import { Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import { withNamedStatements } from './named-statements.ts';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;

export interface DatabaseOptions {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  poolSize?: number;
  /** The longest that a statement may take; 15 s unless given. */
  statementTimeoutMs?: number;
  /** Plans named statements once a connection, whatever their parameters; by default Postgres decides. */
  genericPlans?: boolean;
  /** Called with errors of connections, which the pool replaces by itself; statements in flight reject as well. */
  onError?: (error: Error) => void;
}

/** Opens a pool on Postgres 15 or newer; connects on first use, so a service starts while the database is down. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.poolSize ?? 10,
    ...(options.genericPlans === true ? { options: '-c plan_cache_mode=force_generic_plan' } : {}),
    connectionTimeoutMillis: 3_000,
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  // On the client itself: while it is checked out the pool does not listen, and an unheard error would end the process.
  pool.on('connect', (client) => client.on('error', (error) => options.onError?.(error)));
  pool.on('error', () => undefined);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
}

/** True when the database answers. */
export async function isReachable(db: Database): Promise<boolean> {
  try {
    await sql`select 1`.execute(db);
    return true;
  } catch {
    return false;
  }
}
