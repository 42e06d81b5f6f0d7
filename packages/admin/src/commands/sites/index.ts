import { publishSites, readSites } from '@pressferry/registry';
import type { Command } from 'commander';
import { unusableOf } from '../../operate/unusable.ts';
import { databaseFrom, natsFrom } from '../connections.ts';
import { runCommand } from '../run.ts';
import { addAdd } from './add.ts';
import { addChanges } from './change.ts';
import { jsonOption, keyringIfSet, type SiteFlags } from './context.ts';
import { addEnrollToken } from './enroll-token.ts';
import { addImport } from './import.ts';
import { addKeys, addSecrets } from './keys.ts';
import { addList } from './list.ts';
import { addMakeTest } from './make-test.ts';
import { addRevokeTokens } from './revoke-tokens.ts';
import { addShow } from './show.ts';

export function addSites(program: Command): void {
  const sites = program
    .command('sites')
    .description('the registered sites (DATABASE_URL, NATS_URL)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done and in force; 1 nothing was changed, the reason is printed; 2 wrong options; 3 changed, but not yet known\n' +
        'to the services; 4 some lines of a file were refused, the others are done; 78 a variable is missing or wrong.',
    );
  for (const add of [
    addAdd,
    addImport,
    addChanges,
    addList,
    addShow,
    addKeys,
    addSecrets,
    addEnrollToken,
    addRevokeTokens,
    addMakeTest,
  ])
    add(sites);
  sites
    .command('publish')
    .description('make the bucket equal to Postgres: recreate it if it is lost, add missing sites, remove others')
    .addOption(jsonOption())
    .action((flags: SiteFlags) => runCommand(() => publish(flags)));
}

async function publish({ json }: SiteFlags): Promise<void> {
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const { written, removed, unchanged } = await publishSites(db, connection.nats);
  const keyring = keyringIfSet(process.env);
  const faulty = [];
  for (const site of await readSites(db)) {
    const unusable = await unusableOf(site, keyring);
    if (unusable.length > 0) faulty.push({ site_id: site.siteId, unusable });
  }
  if (json) return console.log(JSON.stringify({ written, removed, unchanged, faulty }));
  console.log(`${written.length} sites published, ${removed.length} removed, ${unchanged} were as they should be`);
  for (const { site_id, unusable } of faulty)
    for (const { part, reason } of unusable) console.error(`${site_id}: ${part}: ${reason}`);
}
