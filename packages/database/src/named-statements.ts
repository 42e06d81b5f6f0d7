import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';

const NAMED = /^\/\* (\w+) \*\//;

/** pg's word for the end of `query_timeout`. */
const SILENT = 'Query read timeout';

/** The connection has another statement, or none, under this name. */
const STALE = new Set(['0A000', '26000']);

/**
 * Prepares a statement once per connection, under the name in its leading comment (`NAMED`), so Postgres parses it
 * once, and plans it once if its plan is generic. A name must mean one text.
 */
export function withNamedStatements(pool: Pool): PostgresPool {
  const wrapped = new WeakMap<PoolClient, Wrapped>();
  let silentSinceMs = Number.NEGATIVE_INFINITY;
  const onSilent = (sinceMs: number): void => {
    silentSinceMs = Math.max(silentSinceMs, sinceMs);
  };
  return {
    options: pool.options,
    connect: async () => {
      for (;;) {
        const client = await pool.connect();
        const known = wrapped.get(client) ?? wrap(client, onSilent);
        wrapped.set(client, known);
        if (known.heardAtMs() >= silentSinceMs) return known;
        client.release(true);
      }
    },
    end: () => pool.end(),
  };
}

interface Wrapped extends PostgresPoolClient {
  /** When it answered last, by `performance.now()`. */
  heardAtMs: () => number;
}

function wrap(client: PoolClient, onSilent: (sinceMs: number) => void): Wrapped {
  let isStale = false;
  let heardAtMs = performance.now();
  const run = async <R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> => {
    const values = [...parameters];
    const name = NAMED.exec(text)?.[1];
    const begunAtMs = performance.now();
    try {
      const result = await client.query(name === undefined ? { text, values } : { name, text, values });
      heardAtMs = performance.now();
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      if (error instanceof Error && error.message === SILENT) {
        onSilent(begunAtMs);
        // Else the end of its transaction would wait as long again.
        void client.end().catch(() => undefined);
      }
      isStale ||= name !== undefined && error instanceof Error && 'code' in error && STALE.has(String(error.code));
      throw error;
    }
  };
  return {
    heardAtMs: () => heardAtMs,
    query: run as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || isStale),
  };
}
