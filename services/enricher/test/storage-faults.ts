import { type Database, openDatabase } from '@pressferry/database';
import { type RawBuilder, sql } from 'kysely';
import type { World } from './world.ts';

/** A fault of the database that passes: `begin` makes it, `end` fixes it. */
export interface StorageFault {
  name: string;
  begin: (db: Database, database: string) => Promise<unknown>;
  end: (db: Database, database: string) => Promise<unknown>;
}

const run = (statement: RawBuilder<unknown>) => (db: Database) => statement.execute(db);

/** Ends every connection to the database but those of its superuser, which is the test's. */
export const terminateOthers = (database: string) => sql`
  select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database} and usename = ${ROLE}`;

/** Has a table refuse rows with an SQLSTATE. */
export const refuse = (table: string, sqlState: string, condition = 'true', when = 'insert'): StorageFault => ({
  name: `${table} refuses with ${sqlState}`,
  begin: async (db) => {
    await sql
      .raw(`create function refuse_${table}() returns trigger language plpgsql as $$
        begin if ${condition} then raise exception 'refused by the test' using errcode = '${sqlState}'; end if; return new; end $$`)
      .execute(db);
    await sql
      .raw(`create trigger refuse_${table} before ${when} on ${table} for each row execute function refuse_${table}()`)
      .execute(db);
  },
  end: (db) => sql.raw(`drop function refuse_${table} cascade`).execute(db),
});

/** What a database does that no event caused, in addition to what the conformance suite tries. */
export const STORAGE_FAULTS: StorageFault[] = [
  {
    name: 'a table is missing',
    begin: run(sql`alter table open_runs rename to not_yet`),
    end: run(sql`alter table not_yet rename to open_runs`),
  },
  { ...refuse('events', '23514'), name: 'every row breaks a constraint, as when a partition is missing' },
  {
    name: 'all connections are taken',
    begin: async (db, database) => {
      await sql.raw(`alter role ${ROLE} connection limit 0`).execute(db);
      await terminateOthers(database).execute(db);
    },
    end: run(sql.raw(`alter role enricher_role connection limit -1`)),
  },
];

const ROLE = 'enricher_role';

/** Gives a world a role that is not a superuser; returns its URL of the world's database. */
export async function restrictedUrl(world: World): Promise<string> {
  const url = new URL(world.databaseUrl);
  // Roles are the server's, and tests of one file share it.
  await sql
    .raw(`do $$ begin create role ${ROLE} login password 'test'; exception when duplicate_object then null; end $$`)
    .execute(world.db);
  await sql.raw(`grant all on all tables in schema public to ${ROLE}`).execute(world.db);
  await sql.raw(`grant all on all sequences in schema public to ${ROLE}`).execute(world.db);
  url.username = ROLE;
  url.password = 'test';
  return url.href;
}

/** A connection of the test's own that no fault ends. */
export const openTester = (world: World): Database =>
  openDatabase({ url: world.databaseUrl, applicationName: 'tester', poolSize: 1, onError: () => undefined });

export const databaseOf = (world: World): string => new URL(world.databaseUrl).pathname.slice(1);
