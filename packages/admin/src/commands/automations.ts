import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ROOT } from '../paths.ts';
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
}

const DEFAULT_FILES = join(ROOT, 'config/automations');

/** Offline: enricher's own code reads the files. */
export function addAutomations(program: Command): void {
  const automations = program
    .command('automations')
    .description('check automations before they are deployed (offline)');
  const common = (command: Command): Command =>
    command
      .option('--event-types <folder...>', 'folders of more event types (EVENT_TYPES_DIRS)', fromEnvironment())
      .option('--any-data', 'let templates read data that no event type declares');
  common(automations.command('validate [files]'))
    .description('check a file or folder (AUTOMATIONS_FILE); name file, line and path of every fault')
    .action((files: string | undefined, flags: Flags) => runCommand(() => offline(files, flags, [])));
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

async function test(event: string, files: string | undefined, flags: Flags): Promise<number> {
  if (flags.dryRun !== true) {
    console.error('pass --dry-run: this command sends nothing');
    return EXIT.usage;
  }
  const outputs = flags.outputs === undefined ? [] : ['--outputs', flags.outputs];
  const labels = Object.entries(flags.label ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  return offline(files, flags, ['--event', event, '--site', flags.site ?? 'site-a', ...labels, ...outputs]);
}

async function offline(files: string | undefined, { eventTypes, anyData }: Flags, more: string[]): Promise<number> {
  const main = join(ROOT, 'services/enricher/src/offline/main.ts');
  const types = eventTypes.flatMap((folder) => ['--event-types', folder]);
  const path = files ?? process.env.AUTOMATIONS_FILE ?? DEFAULT_FILES;
  const child = spawn(process.execPath, [main, ...types, ...(anyData === true ? ['--any-data'] : []), ...more, path], {
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : EXIT.failed;
}
