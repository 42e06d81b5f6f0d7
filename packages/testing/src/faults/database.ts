/** Statements that begin and end a fault of Postgres, run by the owner of the tables. */
export interface DatabaseFault {
  begin: readonly string[];
  end: readonly string[];
}

/** The role, not a superuser, and its database. */
export interface Victim {
  role: string;
  database: string;
}

export const terminate = ({ role, database }: Victim): string =>
  `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and usename = '${role}'`;

/** As after a fail-over, or when a managed server is full. */
export function readOnly(victim: Victim): DatabaseFault {
  const setting = `alter role ${victim.role} in database ${victim.database}`;
  return {
    begin: [`${setting} set default_transaction_read_only = on`, terminate(victim)],
    end: [`${setting} reset default_transaction_read_only`, terminate(victim)],
  };
}

/** The role cannot connect. */
export const noConnections = (victim: Victim): DatabaseFault => ({
  begin: [`alter role ${victim.role} connection limit 0`, terminate(victim)],
  end: [`alter role ${victim.role} connection limit -1`],
});

/** As when a new release meets the previous schema. */
export const withoutColumn = (table: string, column: string): DatabaseFault => ({
  begin: [`alter table ${table} rename column ${column} to not_yet`],
  end: [`alter table ${table} rename column not_yet to ${column}`],
});

export const withoutTable = (table: string): DatabaseFault => ({
  begin: [`alter table ${table} rename to not_yet`],
  end: [`alter table not_yet rename to ${table}`],
});

export const withoutPrivilege = (table: string, { role }: Victim): DatabaseFault => ({
  begin: [`revoke insert, update, delete on ${table} from ${role}`],
  end: [`grant insert, update, delete on ${table} to ${role}`],
});

/** SQL: the tables that grow with the work, and those around them. */
export const TABLES = `
  select relname as name from pg_class
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname !~ '^kysely'`;

/** As on a full disk: these tables take no writes. */
export const full = (tables: readonly string[]): DatabaseFault => together(tables.map((table) => refuse(table, FULL)));

const FULL = { sqlState: '53100', when: 'insert or update' };

export interface Refusal {
  sqlState: string;
  /** On a row `new`; default: every statement. */
  condition?: string;
  /** Default: `insert`. */
  when?: string;
}

export function refuse(table: string, { sqlState, condition, when = 'insert' }: Refusal): DatabaseFault {
  const name = `refuse_${table}`;
  const each = condition === undefined ? 'statement' : 'row';
  return {
    begin: [
      `create function ${name}() returns trigger language plpgsql as $$
       begin if ${condition ?? 'true'} then raise exception 'refused by the test' using errcode = '${sqlState}'; end if; return new; end $$`,
      `create trigger ${name} before ${when} on ${table} for each ${each} execute function ${name}()`,
    ],
    end: [`drop trigger if exists ${name} on ${table}`, `drop function if exists ${name}`],
  };
}

const together = (faults: readonly DatabaseFault[]): DatabaseFault => ({
  begin: faults.flatMap(({ begin }) => begin),
  end: faults.flatMap(({ end }) => end),
});
