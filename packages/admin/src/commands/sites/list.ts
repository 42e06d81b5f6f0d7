import { type Heard, isLive, readHeard, readSites, type StoredSite } from '@pressferry/registry';
import type { Unusable } from '@pressferry/sites';
import type { Command } from 'commander';
import { unusableOf } from '../../operate/unusable.ts';
import { databaseFrom } from '../connections.ts';
import { runCommand } from '../run.ts';
import { label } from './arguments.ts';
import { jsonOption, keyringIfSet, type SiteFlags } from './context.ts';

interface ListFlags extends SiteFlags {
  check?: boolean;
  silent?: boolean;
  label: Record<string, string>;
}

export function addList(sites: Command): void {
  sites
    .command('list')
    .description('list the sites')
    .option('--label <name=value>', 'only sites with this label; repeatable: with all of them', label, {})
    .option('--check', 'open every key and, if SEALING_KEYS is set, every secret, and name what services cannot use')
    .option('--silent', 'only sites that used to report and have not for a day')
    .addOption(jsonOption())
    .action((flags: ListFlags) => runCommand(() => list(flags)));
}

interface Row {
  site: StoredSite;
  heard: Heard | undefined;
  unusable: Unusable[];
}

async function list({ check = false, silent = false, json = false, label: wanted }: ListFlags): Promise<void> {
  await using db = databaseFrom(process.env);
  const keyring = keyringIfSet(process.env);
  const heardOf = await readHeard(db);
  const rows: Row[] = [];
  for (const site of await readSites(db)) {
    const heard = heardOf.get(site.siteId);
    if ((silent && heard?.isSilent !== true) || !hasAll(site.labels, wanted)) continue;
    rows.push({ site, heard, unusable: check ? await unusableOf(site, keyring) : [] });
  }
  if (json) return console.log(JSON.stringify(rows.map((row) => jsonOf(row, check))));
  // One write: a line at a time would take seconds for thousands.
  console.log(
    rows.length === 0
      ? noneText(silent, wanted)
      : rows
          .flatMap(({ site, heard, unusable }) => [
            lineOf(site, heard),
            ...unusable.map(({ part, reason }) => `  ! ${part}: ${reason}`),
          ])
          .join('\n'),
  );
}

function noneText(silent: boolean, wanted: Record<string, string>): string {
  if (Object.keys(wanted).length > 0) return `no ${silent ? 'silent ' : ''}site has these labels`;
  return silent ? 'no site is silent' : 'there are no sites';
}

const hasAll = (labels: Record<string, string>, wanted: Record<string, string>): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

const live = (items: readonly { expiresAt: Date | null }[]): number => items.filter((item) => isLive(item)).length;

function lineOf(site: StoredSite, heard: Heard | undefined): string {
  const { siteId, status, issuer, keys, secrets, callbackUrl, callbackStoppedAt } = site;
  const amounts = `keys ${live(keys)}, secrets ${live(secrets)}`;
  const results =
    callbackUrl === null ? '(polls)' : callbackStoppedAt === null ? callbackUrl : `${callbackUrl} (stopped)`;
  const silence = heard?.isSilent === true ? ` (silent since ${heard.receivedAt.toISOString()})` : '';
  return `${siteId.padEnd(24)} ${status.padEnd(9)} ${amounts.padEnd(19)} ${issuer} → ${results}${silence}`;
}

const jsonOf = ({ site, heard, unusable }: Row, check: boolean) => ({
  site_id: site.siteId,
  status: site.status,
  issuer: site.issuer,
  audience: site.audience,
  callback_url: site.callbackUrl,
  callback_stopped_at: site.callbackStoppedAt,
  live_keys: live(site.keys),
  live_secrets: live(site.secrets),
  settings: site.settings,
  labels: site.labels,
  last_heard_at: heard?.receivedAt ?? null,
  silent: heard?.isSilent ?? false,
  ...(check ? { unusable } : {}),
});
