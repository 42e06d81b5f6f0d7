import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { makeDaysAhead } from './days.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { Database } from './open.ts';

/** Enricher and callback must be stopped for the migrations from this one on. */
const ALONE = '0070-open-work';

/** Services run whose release cannot work with the new schema. */
export class LiveWorkers extends Error {
  constructor(workers: readonly string[]) {
    super(
      `${workers.join(' and ')} must be stopped for this upgrade: scale enricher and callback to 0, migrate again, then start the new release. ` +
        'Ingress goes on accepting meanwhile (docs/operations.md, "Upgrades that stop the workers")',
    );
  }
}

/**
 * Migrates to this release's schema; idempotent, also from two places at once. Returns the applied names. Rejects with
 * `LiveWorkers`, changing nothing, if a migration needs the services stopped.
 */
export async function migrate(db: Database): Promise<string[]> {
  const pending = await pendingMigrations(db);
  if (pending.includes(ALONE) && !pending.includes(FIRST)) await refuseIfAtWork(db);
  const { error, results } = await migratorOf(db).migrateToLatest();
  const failed = results?.find(({ status }) => status === 'Error');
  if (error !== undefined) throw new Error(`migration ${failed?.migrationName ?? ''} failed`, { cause: error });
  await makeDaysAhead(db);
  return (results ?? []).map(({ migrationName }) => migrationName);
}

/** For tests of upgrades: the schema of an older release. */
export async function migrateUpTo(db: Database, name: string): Promise<void> {
  const { error } = await migratorOf(db).migrateTo(name);
  if (error !== undefined) throw new Error(`migration up to ${name} failed`, { cause: error });
}

const FIRST = Object.keys(MIGRATIONS)[0] ?? '';

/** Between releases a migration may land after one with a higher number. */
const migratorOf = (db: Database): Migrator =>
  new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS }, allowUnorderedMigrations: true });

/** Changes nothing. */
export async function pendingMigrations(db: Database): Promise<string[]> {
  const migrations = await migratorOf(db).getMigrations();
  return migrations.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name);
}

/** A running service writes its probe once a second. */
const STOPPED_MS = 5_000;
/** A younger probe may be late: Postgres or the service may have paused. */
const LONG_STOPPED_MS = 60_000;
const ASK_EVERY_MS = 500;

/** Waits a moment for services that were just stopped. */
async function refuseIfAtWork(db: Database): Promise<void> {
  const { rows: tables } = await sql<{
    found: boolean;
  }>`select to_regclass('worker_probes') is not null as found`.execute(db);
  if (tables[0]?.found !== true) return;
  for (let waitedMs = 0; ; waitedMs += ASK_EVERY_MS) {
    const { rows } = await sql<{ worker: string; is_fresh: boolean }>`
      select worker, probed_at > now() - ${STOPPED_MS} * interval '1 ms' as is_fresh from worker_probes
      where probed_at > now() - ${LONG_STOPPED_MS} * interval '1 ms' order by worker`.execute(db);
    const atWork = rows.filter(({ is_fresh }) => is_fresh);
    if (rows.length === 0 || (waitedMs > STOPPED_MS && atWork.length === 0)) return;
    if (waitedMs > STOPPED_MS) throw new LiveWorkers(atWork.map(({ worker }) => worker));
    await delay(ASK_EVERY_MS);
  }
}
