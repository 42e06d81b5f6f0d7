import { setTimeout as delay } from 'node:timers/promises';
import * as faults from '@pressferry/testing/faults';
import type { Client } from 'pg';
import type { World } from '../world.ts';

/** The role under which the services of a chaos run connect. */
export const SERVICE_ROLE = 'pressferry_services';

/** Does something to the database and undoes it again; resolves when it is undone. */
export type Breaking = (world: World, forMs: number) => Promise<void>;

const VICTIM: faults.Victim = { role: SERVICE_ROLE, database: 'pressferry' };

async function using(opening: Promise<Client>, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await opening;
  try {
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const broken =
  (faultOf: (client: Client) => faults.DatabaseFault | Promise<faults.DatabaseFault>): Breaking =>
  (world, forMs) =>
    using(world.owner(), async (client) => {
      const fault = await faultOf(client);
      try {
        for (const statement of fault.begin) await patiently(client, statement);
        await delay(forMs);
      } finally {
        for (const statement of fault.end) await patiently(client, statement);
      }
    });

/** DDL waits for what runs; what waits must not make others wait for long. */
async function patiently(client: Client, statement: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`begin; set local lock_timeout = '1s'; ${statement}; commit`);
      return;
    } catch (error) {
      await client.query('rollback');
      const isLocked = error instanceof Error && 'code' in error && error.code === '55P03';
      if (!isLocked || tries === 30) throw error;
    }
  }
}

export const readOnly = broken(() => faults.readOnly(VICTIM));

/** Every table refuses to grow, as on a full disk; the sites can still be written. */
export const full = broken(async (client) => {
  const { rows } = await client.query<{ name: string }>(faults.TABLES);
  return faults.full(rows.flatMap(({ name }) => (name.startsWith('site') ? [] : name)));
});

/** One table refuses new rows, all else works. */
export const tableFull = (table: string): Breaking => broken(() => faults.full([table]));

/** As when new code meets an old schema. */
export const withoutColumn = (table: string, column: string): Breaking =>
  broken(() => faults.withoutColumn(table, column));

export const withoutPrivilege = (table: string): Breaking => broken(() => faults.withoutPrivilege(table, VICTIM));

/** The services get no connection any more. */
export const connectionsExhausted = broken(() => faults.noConnections(VICTIM));

/** Cuts every connection once a second. */
export const terminated: Breaking = (world, forMs) =>
  using(world.admin(), async (client) => {
    for (let leftMs = forMs; leftMs > 0; leftMs -= 1_000) {
      await client.query(faults.terminate(VICTIM));
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
