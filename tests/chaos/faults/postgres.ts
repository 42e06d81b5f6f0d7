import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { World } from '../world.ts';

/** The role under which the services of a chaos run connect. */
export const SERVICE_ROLE = 'pressferry_services';

/** Does something to the database and undoes it again; resolves when it is undone. */
export type Breaking = (world: World, forMs: number) => Promise<void>;

const TERMINATE = `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${SERVICE_ROLE}'`;

async function using(opening: Promise<Client>, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await opening;
  try {
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const between =
  (open: (world: World) => Promise<Client>, begin: string, end: string): Breaking =>
  (world, forMs) =>
    using(open(world), async (client) => {
      await patiently(client, begin);
      try {
        await delay(forMs);
      } finally {
        await patiently(client, end);
      }
    });

/** DDL waits for what runs; what waits must not make others wait for long. */
async function patiently(client: Client, statements: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`begin; set local lock_timeout = '1s'; ${statements}; commit`);
      return;
    } catch (error) {
      await client.query('rollback');
      const isLocked = error instanceof Error && 'code' in error && error.code === '55P03';
      if (!isLocked || tries === 30) throw error;
    }
  }
}

const owner = (world: World): Promise<Client> => world.owner();
const admin = (world: World): Promise<Client> => world.admin();

/** As after a fail-over, or where a managed server is full. */
export const readOnly = between(
  admin,
  `alter database pressferry set default_transaction_read_only = on; ${TERMINATE}`,
  `alter database pressferry reset default_transaction_read_only; ${TERMINATE}`,
);

/** Every table refuses to grow, as on a full disk. */
export const full: Breaking = (world, forMs) => refusing(world, forMs, 'true');

/** One table refuses new rows, all else works. */
export const tableFull =
  (table: string): Breaking =>
  (world, forMs) =>
    refusing(world, forMs, `relname = '${table}'`);

async function refusing(world: World, forMs: number, which: string): Promise<void> {
  await using(world.owner(), async (client) => {
    const { rows } = await client.query<{ relname: string }>(
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
         and relname !~ '^kysely' and relname !~ '^site' and ${which}`,
    );
    if (rows.length === 0) throw new Error(`no table fits: ${which}`);
    await client.query(
      `create or replace function chaos_full() returns trigger language plpgsql as $$
       begin raise exception 'No space left on device' using errcode = '53100'; end $$`,
    );
    for (const { relname } of rows)
      await patiently(
        client,
        `create trigger chaos_full before insert or update on ${relname} for each statement execute function chaos_full()`,
      );
    try {
      await delay(forMs);
    } finally {
      for (const { relname } of rows) await patiently(client, `drop trigger chaos_full on ${relname}`);
    }
  });
}

/** As when new code meets an old schema. */
export const withoutColumn = (table: string, column: string): Breaking =>
  between(
    owner,
    `alter table ${table} rename column ${column} to chaos_${column}`,
    `alter table ${table} rename column chaos_${column} to ${column}`,
  );

export const withoutPrivilege = (table: string): Breaking =>
  between(
    owner,
    `revoke insert, update on ${table} from ${SERVICE_ROLE}`,
    `grant insert, update on ${table} to ${SERVICE_ROLE}`,
  );

/** No one gets a connection any more. */
export const connectionsExhausted = between(
  admin,
  `alter role ${SERVICE_ROLE} connection limit 0; ${TERMINATE}`,
  `alter role ${SERVICE_ROLE} connection limit -1`,
);

/** Cuts every connection once a second. */
export const terminated: Breaking = (world, forMs) =>
  using(world.admin(), async (client) => {
    for (let leftMs = forMs; leftMs > 0; leftMs -= 1_000) {
      await client.query(TERMINATE);
      await delay(1_000);
    }
  });

export const locked = (table: string): Breaking => held(`lock table ${table} in access exclusive mode`);

/** A transaction with an id stays open: nothing that ends meanwhile is older than it. */
export const transactionOpen: Breaking = held('select pg_current_xact_id()');

function held(statement: string): Breaking {
  return (world, forMs) =>
    using(world.owner(), async (client) => {
      await client.query('begin');
      await client.query(statement);
      await delay(forMs);
      await client.query('rollback');
    });
}
