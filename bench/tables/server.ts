import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, migrate, openDatabase } from '@pressferry/database';
import { startPostgres } from '@pressferry/embedded';
import { openMeter } from '../pipeline/measure/postgres.ts';

export interface Tables extends AsyncDisposable {
  url: string;
  /** Plans as the services' connections do. */
  db: Database;
  meter: Awaited<ReturnType<typeof openMeter>>;
}

/** A Postgres with the schema of this release; its folder goes with it. */
export async function openTables(settings: Record<string, string> = {}): Promise<Tables> {
  await using resources = new AsyncDisposableStack();
  const parent = await mkdtemp(join(tmpdir(), 'pressferry-tables-'));
  await chmod(parent, 0o711);
  resources.defer(() => rm(parent, { recursive: true, force: true, maxRetries: 3 }));
  const { url } = resources.use(await startPostgres({ dataDir: join(parent, 'data'), settings }));
  const db = resources.use(openDatabase({ url, applicationName: 'worker', poolSize: 2, genericPlans: true }));
  await migrate(db);
  const meter = resources.use(await openMeter(url));
  const owned = resources.move();
  return { url, db, meter, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
