import pg from 'pg';
import type { DatabaseFault, Victim } from './database.ts';

/** Services' role in tests. Not a superuser, whom no privilege or limit would bind. */
export const ROLE = 'worker_under_test';

/** The database's owner, whom no fault excludes. */
export interface Owner {
  run: (statement: string) => Promise<void>;
  begin: (fault: DatabaseFault) => Promise<void>;
  end: (fault: DatabaseFault) => Promise<void>;
  read: <Row>(statement: string, values?: readonly unknown[]) => Promise<Row[]>;
  whileLocked: (table: string, work: () => Promise<void>) => Promise<void>;
}

/** A connection per statement, because a fault may have ended the previous one. */
export function ownerOf(databaseUrl: string): Owner {
  const using = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const run = (statement: string): Promise<void> => using(async (client) => void (await client.query(statement)));
  const runAll = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await run(statement);
  };
  return {
    run,
    begin: ({ begin }) => runAll(begin),
    end: ({ end }) => runAll(end),
    read: (statement, values = []) => using(async (client) => (await client.query(statement, [...values])).rows),
    whileLocked: (table, work) =>
      using(async (client) => {
        await client.query(`begin; lock table ${table} in access exclusive mode`);
        await work();
        await client.query('commit');
      }),
  };
}

export const victimOf = (databaseUrl: string): Victim => ({
  role: ROLE,
  database: new URL(databaseUrl).pathname.slice(1),
});

/** Adds the role if missing; returns the database's URL for it. */
export async function restrictedUrl(databaseUrl: string): Promise<string> {
  const owner = ownerOf(databaseUrl);
  await owner.run(
    `do $$ begin create role ${ROLE} login password 'test'; exception when duplicate_object then null; end $$;
     grant all on all tables in schema public to ${ROLE}; grant all on all sequences in schema public to ${ROLE}`,
  );
  return Object.assign(new URL(databaseUrl), { username: ROLE, password: 'test' }).href;
}
