import type { Owner } from './owner.ts';
import { ROLE } from './owner.ts';
import type { WorkerUnderTest } from './subject.ts';

export interface DatabaseFault {
  name: string;
  begin: (subject: WorkerUnderTest, owner: Owner) => Promise<void>;
  end: (subject: WorkerUnderTest, owner: Owner) => Promise<void>;
}

const statements =
  (...texts: ((subject: WorkerUnderTest) => string)[]) =>
  async (subject: WorkerUnderTest, owner: Owner): Promise<void> => {
    for (const text of texts) await owner.run(text(subject));
  };

const databaseOf = ({ databaseUrl }: WorkerUnderTest): string => new URL(databaseUrl).pathname.slice(1);
const terminate = (): string => `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${ROLE}'`;

/** Everything that a database does to a worker and that no event or result caused. */
export const DATABASE_FAULTS: DatabaseFault[] = [
  {
    name: 'is away',
    begin: ({ postgres }) => postgres.stop(),
    end: ({ postgres }) => postgres.restart(),
  },
  {
    name: 'is read-only',
    begin: statements(
      (subject) => `alter role ${ROLE} in database ${databaseOf(subject)} set default_transaction_read_only = on`,
      terminate,
    ),
    end: statements(
      (subject) => `alter role ${ROLE} in database ${databaseOf(subject)} reset default_transaction_read_only`,
      terminate,
    ),
  },
  {
    name: 'is full',
    begin: statements(
      () => `create function refuse_all() returns trigger language plpgsql as $$
        begin raise exception 'No space left on device' using errcode = '53100'; end $$`,
      () => `do $$ declare it regclass; begin
        for it in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
          and not relispartition and relname !~ '^kysely' loop
          execute format('create trigger refuse_all before insert or update on %s for each statement execute function refuse_all()', it);
        end loop; end $$`,
    ),
    end: statements(() => 'drop function refuse_all cascade'),
  },
  {
    name: 'misses a column',
    begin: statements(({ queue }) => `alter table ${queue.table} rename column lease_until to not_yet`),
    end: statements(({ queue }) => `alter table ${queue.table} rename column not_yet to lease_until`),
  },
  {
    name: 'misses a privilege',
    begin: statements(({ queue }) => `revoke insert, update, delete on ${queue.table} from ${ROLE}`),
    end: statements(({ queue }) => `grant insert, update, delete on ${queue.table} to ${ROLE}`),
  },
];

/** Has the intake's table refuse the row of one work, as if it could not be written. */
export const refuseRow = ({ intake }: WorkerUnderTest, intakeId: string): string =>
  `create function refuse_row() returns trigger language plpgsql as $$ begin
     if new.${intake.key} = '${intakeId}' then raise exception 'refused by the test' using errcode = '22021'; end if;
     return new; end $$;
   create trigger refuse_row before insert on ${intake.table} for each row execute function refuse_row()`;
