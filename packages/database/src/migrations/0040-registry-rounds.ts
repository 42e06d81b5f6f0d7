import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table registry_rounds (
    is_only boolean primary key default true check (is_only),
    begun_at timestamptz not null default '-infinity'
  )`,
  'insert into registry_rounds default values',
];
