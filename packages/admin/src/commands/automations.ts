import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isSiteId } from '@pressferry/contracts';
import { ConfigError } from '@pressferry/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { readNamed } from '../input/files.ts';
import { ROOT } from '../paths.ts';
import { databaseFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { siteId } from './options.ts';
import { runCommand } from './run.ts';
import { label } from './sites/arguments.ts';

interface Flags {
  eventTypes: string[];
  anyData?: boolean;
  site?: string;
  label?: Record<string, string>;
  outputs?: string;
  dryRun?: boolean;
  sites?: string;
  registry?: boolean;
}

const DEFAULT_FILES = join(ROOT, 'config/automations');

/** Enricher's own code reads the files, offline unless `--registry` is given. */
export function addAutomations(program: Command): void {
  const automations = program
    .command('automations')
    .description('check automations before they are deployed (offline, unless --registry is given)');
  const common = (command: Command): Command =>
    command
      .option('--event-types <folder...>', 'folders of more event types (EVENT_TYPES_DIRS)', fromEnvironment())
      .option('--any-data', 'let templates read data that no event type declares');
  common(automations.command('validate [files]'))
    .description('check a file or folder (AUTOMATIONS_FILE); name file, line and path of every fault')
    .option('--sites <file>', 'refuse a site that this file does not list: one id a line, or `sites list --json`')
    .option('--registry', 'refuse a site that is not registered (DATABASE_URL)')
    .action((files: string | undefined, flags: Flags) => runCommand(() => validate(files, flags)));
  common(automations.command('test <event.json> [files]'))
    .description('print each request that an event would make, secrets by their names, and the result')
    .option('--dry-run', 'send nothing; needed, because there is no other way yet')
    .option('--site <site-id>', 'as an event of this site', siteId, 'site-a')
    .option('--label <name=value>', 'a label of this site (site.labels); repeatable', label, {})
    .option('--outputs <file>', 'JSON: outputs of steps by name, for the templates of later steps')
    .action((event: string, files: string | undefined, flags: Flags) => runCommand(() => test(event, files, flags)));
}

const fromEnvironment = (): string[] =>
  (process.env.EVENT_TYPES_DIRS ?? '').split(',').filter((folder) => folder !== '');

async function validate(files: string | undefined, flags: Flags): Promise<number> {
  if (flags.sites !== undefined && flags.registry === true) {
    console.error('pass --sites or --registry, not both');
    return EXIT.usage;
  }
  if (flags.sites !== undefined)
    return offline(files, flags, [], sitesIn(flags.sites, await readNamed(flags.sites, 'the file of sites')));
  return offline(files, flags, [], flags.registry === true ? await registered() : undefined);
}

/** Throws if nothing in the text is a site id. */
function sitesIn(file: string, text: string): string[] {
  const refused = (why: string): ConfigError =>
    new ConfigError(`${file}: ${why}; write one id a line, or what pressferry sites list --json prints`);
  let given: unknown = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (text.trimStart().startsWith('['))
    try {
      given = JSON.parse(text);
    } catch {
      throw refused('is not JSON');
    }
  const ids = siteList.safeParse(given);
  if (ids.data === undefined) throw refused('has something that is not a site id');
  if (ids.data.length === 0) throw refused('names no site');
  return ids.data;
}

const siteList = z.array(
  z.union([z.string(), z.looseObject({ site_id: z.string() }).transform((site) => site.site_id)]).refine(isSiteId),
);

async function registered(): Promise<string[]> {
  await using db = databaseFrom(process.env);
  const rows = await db.selectFrom('sites').select('site_id').execute();
  return rows.map(({ site_id }) => site_id);
}

async function test(event: string, files: string | undefined, flags: Flags): Promise<number> {
  if (flags.dryRun !== true) {
    console.error('pass --dry-run: this command sends nothing');
    return EXIT.usage;
  }
  const outputs = flags.outputs === undefined ? [] : ['--outputs', flags.outputs];
  const labels = Object.entries(flags.label ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  return offline(files, flags, ['--event', event, '--site', flags.site ?? 'site-a', ...labels, ...outputs]);
}

async function offline(
  files: string | undefined,
  { eventTypes, anyData }: Flags,
  more: string[],
  sites?: readonly string[],
): Promise<number> {
  const main = join(ROOT, 'services/enricher/src/offline/main.ts');
  const types = eventTypes.flatMap((folder) => ['--event-types', folder]);
  const path = files ?? process.env.AUTOMATIONS_FILE ?? DEFAULT_FILES;
  const options = [
    ...types,
    ...(anyData === true ? ['--any-data'] : []),
    ...(sites === undefined ? [] : ['--sites-on-stdin']),
    ...more,
  ];
  const child = spawn(process.execPath, [main, ...options, path], { stdio: ['pipe', 'inherit', 'inherit'] });
  // It may have ended before.
  child.stdin.on('error', () => undefined).end(JSON.stringify(sites ?? []));
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : EXIT.failed;
}
