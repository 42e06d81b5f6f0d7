import pg from 'pg';

/** The role under which the service connects: no superuser, whom no privilege and no limit would bind. */
export const ROLE = 'conformance_worker';

/** The database's owner, whom no fault of the suite keeps out. */
export interface Owner {
  run: (statement: string) => Promise<void>;
  read: <Row>(statement: string, values?: readonly unknown[]) => Promise<Row[]>;
}

/** Each statement on its own connection: a fault may have ended the one before. */
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
  return {
    run: (statement) => using(async (client) => void (await client.query(statement))),
    read: (statement, values = []) => using(async (client) => (await client.query(statement, [...values])).rows),
  };
}

/** Makes the role if it is not there, and returns the database's URL for it. */
export async function restrictedUrl(databaseUrl: string): Promise<string> {
  const owner = ownerOf(databaseUrl);
  await owner.run(
    `do $$ begin create role ${ROLE} login password 'test'; exception when duplicate_object then null; end $$;
     grant all on all tables in schema public to ${ROLE}; grant all on all sequences in schema public to ${ROLE}`,
  );
  return Object.assign(new URL(databaseUrl), { username: ROLE, password: 'test' }).href;
}
