import { isLive, readSites, type StoredSite } from '@pressferry/registry';
import type { Command } from 'commander';
import { unusableOf } from '../../operate/unusable.ts';
import { databaseFrom } from '../connections.ts';
import { runCommand } from '../run.ts';
import { jsonOption, keyringIfSet, type SiteFlags } from './context.ts';

interface ListFlags extends SiteFlags {
  check?: boolean;
}

export function addList(sites: Command): void {
  sites
    .command('list')
    .description('list the sites')
    .option('--check', 'open every key and, if SEALING_KEYS is set, every secret, and name what services cannot use')
    .addOption(jsonOption())
    .action((flags: ListFlags) => runCommand(() => list(flags)));
}

async function list({ check = false, json = false }: ListFlags): Promise<void> {
  await using db = databaseFrom(process.env);
  const keyring = keyringIfSet(process.env);
  const rows = [];
  for (const site of await readSites(db)) rows.push({ site, unusable: check ? await unusableOf(site, keyring) : [] });
  if (json)
    return console.log(JSON.stringify(rows.map(({ site, unusable }) => jsonOf(site, check ? unusable : undefined))));
  // One write: a line at a time would take seconds for thousands.
  console.log(
    rows.length === 0
      ? 'there are no sites'
      : rows
          .flatMap(({ site, unusable }) => [
            lineOf(site),
            ...unusable.map(({ part, reason }) => `  ! ${part}: ${reason}`),
          ])
          .join('\n'),
  );
}

const live = (items: readonly { expiresAt: Date | null }[]): number => items.filter((item) => isLive(item)).length;

function lineOf({
  siteId,
  status,
  issuer,
  audience: _,
  keys,
  secrets,
  callbackUrl,
  callbackStoppedAt,
}: StoredSite): string {
  const amounts = `keys ${live(keys)}, secrets ${live(secrets)}`;
  const results =
    callbackUrl === null ? '(polls)' : callbackStoppedAt === null ? callbackUrl : `${callbackUrl} (stopped)`;
  return `${siteId.padEnd(24)} ${status.padEnd(9)} ${amounts.padEnd(19)} ${issuer} → ${results}`;
}

const jsonOf = (site: StoredSite, unusable: unknown) => ({
  site_id: site.siteId,
  status: site.status,
  issuer: site.issuer,
  audience: site.audience,
  callback_url: site.callbackUrl,
  callback_stopped_at: site.callbackStoppedAt,
  live_keys: live(site.keys),
  live_secrets: live(site.secrets),
  settings: site.settings,
  ...(unusable === undefined ? {} : { unusable }),
});
