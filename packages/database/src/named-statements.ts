import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';

const NAMED = /^\/\* (\w+) \*\//;

/** The connection has another statement, or none, under this name. */
const STALE = new Set(['0A000', '26000']);

/**
 * Prepares a statement once per connection, under the name in its leading comment (`NAMED`), so Postgres parses it
 * once, and plans it once if its plan is generic. A name must mean one text.
 */
export function withNamedStatements(pool: Pool): PostgresPool {
  const wrapped = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect();
      const known = wrapped.get(client) ?? wrap(client);
      wrapped.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

function wrap(client: PoolClient): PostgresPoolClient {
  let isStale = false;
  const run = async <R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> => {
    const values = [...parameters];
    const name = NAMED.exec(text)?.[1];
    try {
      const result = await client.query(name === undefined ? { text, values } : { name, text, values });
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      isStale ||= name !== undefined && error instanceof Error && 'code' in error && STALE.has(String(error.code));
      throw error;
    }
  };
  return {
    query: run as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || isStale),
  };
}
