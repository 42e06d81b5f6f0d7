import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';

const NAMED = /^\/\* (\w+) \*\//;

/** The connection has another statement, or none, under this name. */
const STALE = new Set(['0A000', '26000']);

/**
 * Prepares a statement once per connection, under the name in its leading comment (`NAMED`), so Postgres parses it
 * once, and plans it once if its plan is generic. A name must mean one text.
 */
export function withNamedStatements(pool: Pool, replyWithinMs?: number): PostgresPool {
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
        const known = wrapped.get(client) ?? wrap(client, { replyWithinMs, onSilent });
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

interface Silence {
  replyWithinMs: number | undefined;
  onSilent: (sinceMs: number) => void;
}

function wrap(client: PoolClient, { replyWithinMs, onSilent }: Silence): Wrapped {
  let isStale = false;
  let heardAtMs = performance.now();
  const run = async <R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> => {
    const values = [...parameters];
    const name = NAMED.exec(text)?.[1];
    const begunAtMs = performance.now();
    const giveUp = (): void => {
      onSilent(begunAtMs);
      void client.end().catch(() => undefined);
    };
    // Answers that came while the process was stopped are read first.
    const late = (): void => void setImmediate(() => setImmediate(() => timer !== undefined && giveUp()));
    let timer = replyWithinMs === undefined ? undefined : setTimeout(late, replyWithinMs);
    try {
      const result = await client.query(name === undefined ? { text, values } : { name, text, values });
      heardAtMs = performance.now();
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      isStale ||= name !== undefined && error instanceof Error && 'code' in error && STALE.has(String(error.code));
      throw error;
    } finally {
      clearTimeout(timer);
      timer = undefined;
    }
  };
  return {
    heardAtMs: () => heardAtMs,
    query: run as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || isStale),
  };
}
