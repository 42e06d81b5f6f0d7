import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startPostgres } from '@pressferry/embedded';
import { type JourneyStackOptions, newSealingKeys } from '@pressferry/testing/journey';
import type { Lab } from '../lab.ts';
import { openMeter } from '../measure/postgres.ts';
import { measureWhole } from '../phase.ts';
import { startSubject, type Variant } from '../subject.ts';
import { multiplyRows, untilFinished } from './fill.ts';

/** A database full of finished journeys, in a folder of its own. */
export interface Kept {
  stack: NonNullable<JourneyStackOptions['kept']>;
  rows: number;
  /** Of all tables and indexes, by finished journey. */
  bytesEach: number;
  fillSeconds: number;
}

export interface KeepOrder {
  dir: string;
  variant: Variant;
  lab: Lab;
  rows: number;
  say: (what: string) => void;
}

/** Journeys whose rows are copied. */
const TEMPLATES = 1_000;
/** Finished bodies are never read by a journey, so short ones change no index, only how many rows share a page. */
const BODY_CHARS = 100;
/** Says that the filling was finished. */
const DONE = 'filled.json';

/** New tables get no WAL, and a crash means to begin again. */
const FILL_SETTINGS = {
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  shared_buffers: '2GB',
  max_wal_size: '2GB',
  checkpoint_timeout: '30min',
  max_parallel_maintenance_workers: '0',
};

/** Fills a database in `dir`, which must be new; all but that folder is removed. */
export async function keepFilled({ dir: where, variant, lab, rows, say }: KeepOrder): Promise<Kept> {
  const dir = resolve(where);
  await mkdir(join(dir, '..'), { recursive: true });
  await mkdir(dir).catch((cause: unknown) => {
    throw new Error(`${dir} is there already: --filled ${dir} takes a filled database, another folder makes one`, {
      cause,
    });
  });
  await chmod(dir, 0o711);
  const startMs = performance.now();
  const stack = { postgresDir: join(dir, 'postgres'), sealingKeys: newSealingKeys() };
  await writeFile(join(dir, 'sealing-keys'), stack.sealingKeys, { mode: 0o600 });
  await makeTemplates(stack, variant, lab);
  const bytesEach = await fill(stack.postgresDir, rows, say);
  const kept = { rows, bytesEach, fillSeconds: Math.round((performance.now() - startMs) / 1000) };
  await writeFile(join(dir, DONE), `${JSON.stringify({ ...kept, commit: variant.commit })}\n`);
  return { stack, ...kept };
}

/** Rejects if no database was filled there. */
export async function openKept(dir: string): Promise<Kept> {
  const read = (name: string): Promise<string> => readFile(join(dir, name), 'utf8');
  const text = await read(DONE).catch((cause: unknown) => {
    throw new Error(`${dir} holds no filled database: --keep-filled ${dir} makes one`, { cause });
  });
  const stack = { postgresDir: join(resolve(dir), 'postgres'), sealingKeys: await read('sealing-keys') };
  return { stack, ...(JSON.parse(text) as Omit<Kept, 'stack'>) };
}

async function makeTemplates(kept: Kept['stack'], variant: Variant, lab: Lab): Promise<void> {
  const shape = { sites: lab.sites, replicas: 1, syncAlways: false };
  await using subject = await startSubject({ shape, variant, lab, kept });
  await measureWhole(subject, 'templates', await lab.sign(TEMPLATES), { kind: 'burst' });
  await untilFinished(subject.meter);
}

async function fill(dataDir: string, rows: number, say: KeepOrder['say']): Promise<number> {
  // What Postgres was started with counts only while it runs.
  const preload = { shared_preload_libraries: 'pg_stat_statements' };
  await using postgres = await startPostgres({ dataDir, settings: { ...FILL_SETTINGS, ...preload } });
  await using meter = await openMeter(postgres.url);
  await multiplyRows(meter, { rows, bodyChars: BODY_CHARS, say });
  const { 'the whole database': bytes = 0 } = await meter.sizes();
  return Math.round(bytes / rows);
}
