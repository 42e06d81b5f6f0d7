import { dirname, resolve } from 'node:path';
import { addSites, type Change, publishSites, type Registration, readSites } from '@pressferry/registry';
import { type Command, Option } from 'commander';
import { readNamed } from '../../input/files.ts';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import {
  addPolicyOptions,
  checkPublishing,
  hs256Option,
  jsonOption,
  keyringFrom,
  publishing,
  rulesFrom,
  type SiteFlags,
} from './context.ts';
import { formatOf, type ImportFormat, type ReadLine, readLines } from './import-file.ts';
import { type ImportDeps, registrationOf } from './import-line.ts';
import { notYet } from './report.ts';

interface ImportFlags extends SiteFlags {
  format?: ImportFormat;
  secretsDir?: string;
  dryRun?: boolean;
}

const LINES_HELP = `
A line of NDJSON, or a row of CSV with these names as its header:
  site_id, issuer, kid               needed
  public_key or public_key_file      the key as SPKI PEM (or hs256_key_file)
  secret or secret_file              the secret that signs bodies; without either it is generated into --secrets-dir
  audience, callback_url, algorithm, status, settings ({"rate.per_minute": 600}; in CSV a column settings.rate.per_minute)
Lines that are registered as they say are left alone, so a run that was broken off is run again. Files are named relative to the import file; \`-\` is standard input.`;

export function addImport(sites: Command): void {
  const command = sites
    .command('import <file>')
    .description('register the sites of a file, NDJSON or CSV, and publish them (SEALING_KEYS)')
    .addOption(
      new Option('--format <name>', 'of the file; csv if its name ends so, else ndjson').choices(['ndjson', 'csv']),
    )
    .option(
      '--secrets-dir <folder>',
      'where the secrets that no line gives are generated: <folder>/<site_id>.secret (mode 0600)',
    )
    .option('--dry-run', 'check every line, and write nothing')
    .addHelpText('after', LINES_HELP);
  addPolicyOptions(command)
    .addOption(hs256Option())
    .addOption(jsonOption())
    .action((file: string, flags: ImportFlags) => runCommand(() => importFile(file, flags)));
}

interface Outcome {
  line: number;
  siteId: string | undefined;
  change: Change;
}

/** Lines per transaction: the most that a broken run must repeat. */
const BATCH = 100;

async function importFile(file: string, flags: ImportFlags): Promise<number> {
  checkPublishing(process.env);
  const keyring = keyringFrom(process.env);
  const rules = rulesFrom(process.env, flags);
  const text = await readNamed(file, 'the file');
  const lines = withoutRepeats(readLines(text, flags.format ?? formatOf(file)));
  await using db = databaseFrom(process.env);
  const deps = {
    db,
    keyring,
    rules,
    folder: dirname(resolve(file)),
    secretsDir: flags.secretsDir,
    dryRun: flags.dryRun === true,
  };
  const outcomes: Outcome[] = [];
  for (let from = 0; from < lines.length; from += BATCH) {
    const batch = await importBatch(lines.slice(from, from + BATCH), deps);
    outcomes.push(...batch);
    if (flags.json !== true)
      for (const { line, change } of batch)
        if (change.kind === 'refused') for (const why of change.why) console.error(`line ${line}: ${why}`);
  }
  const unpublished = deps.dryRun ? null : await publishing(process.env, ({ nats }) => publishSites(db, nats));
  return summarize(outcomes, unpublished, flags);
}

function withoutRepeats(lines: readonly ReadLine[]): ReadLine[] {
  const seen = new Map<string, number>();
  return lines.map((read) => {
    if ('faults' in read) return read;
    const first = seen.get(read.value.site_id);
    if (first !== undefined)
      return {
        line: read.line,
        siteId: read.value.site_id,
        faults: [`${read.value.site_id} is on line ${first} already`],
      };
    seen.set(read.value.site_id, read.line);
    return read;
  });
}

async function importBatch(lines: readonly ReadLine[], deps: ImportDeps): Promise<Outcome[]> {
  const ids = lines.flatMap((read) => ('faults' in read ? [] : [read.value.site_id]));
  const known = new Set((await readSites(deps.db, ids)).map(({ siteId }) => siteId));
  const outcomes: Outcome[] = [];
  const registrations: { line: number; registration: Registration }[] = [];
  for (const read of lines) {
    const checked = 'faults' in read ? { refused: read.faults } : await registrationOf(read.value, known, deps);
    const siteId = 'faults' in read ? read.siteId : read.value.site_id;
    if ('refused' in checked)
      outcomes.push({ line: read.line, siteId, change: { kind: 'refused', why: checked.refused } });
    else registrations.push({ line: read.line, registration: checked });
  }
  const changes = await register(
    registrations.map(({ registration }) => registration),
    deps,
  );
  for (const [at, { line, registration }] of registrations.entries()) {
    const change = changes[at];
    if (change !== undefined) outcomes.push({ line, siteId: registration.draft.siteId, change });
  }
  return outcomes.sort((a, b) => a.line - b.line);
}

/** In one transaction, which a dry run rolls back. */
async function register(
  registrations: readonly Registration[],
  { db, keyring, dryRun }: ImportDeps,
): Promise<Change[]> {
  if (registrations.length === 0) return [];
  if (!dryRun) return db.transaction().execute((tx) => addSites(tx, registrations, { keyring, actor: 'cli' }));
  const tx = await db.startTransaction().execute();
  try {
    return await addSites(tx, registrations, { keyring, actor: 'cli' });
  } finally {
    await tx.rollback().execute();
  }
}

function summarize(
  outcomes: readonly Outcome[],
  unpublished: string | null,
  { json, dryRun = false }: ImportFlags,
): number {
  const count = (kind: Change['kind']): number => outcomes.filter(({ change }) => change.kind === kind).length;
  const totals = { registered: count('changed'), unchanged: count('unchanged'), refused: count('refused') };
  const exitCode = totals.refused > 0 ? EXIT.partly : unpublished === null ? EXIT.done : EXIT.unpublished;
  if (json) {
    const refused = outcomes.flatMap(({ line, siteId, change }) =>
      change.kind === 'refused' ? [{ line, site_id: siteId ?? null, why: change.why }] : [],
    );
    console.log(
      JSON.stringify({
        ...totals,
        dry_run: dryRun,
        in_force: unpublished === null && !dryRun,
        ...(unpublished === null ? {} : { unpublished }),
        lines: refused,
      }),
    );
    return exitCode;
  }
  console.log(
    `${totals.registered} sites ${dryRun ? 'would be' : 'were'} registered, ${totals.unchanged} were registered so already, ${totals.refused} lines were refused`,
  );
  if (unpublished !== null) console.error(notYet(unpublished));
  return exitCode;
}
