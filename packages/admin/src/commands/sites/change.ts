import {
  clearEndpoint,
  countRemains,
  type Remains,
  removeSiteRow,
  resumeEndpoint,
  setEndpoint,
  setMembers,
  setStatus,
} from '@pressferry/registry';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { assignments } from './arguments.ts';
import { addPolicyOptions, jsonOption, rulesFrom, type SiteFlags } from './context.ts';
import { runChange } from './run-change.ts';

const SETTINGS_HELP = `
  issuer=<text>               the \`iss\` of its tokens
  audience=<text>             their \`aud\`
  rate.per_minute=<n>         requests a minute, 0 for no limit
  rate.burst=<n>              how many may come at once
  ip_allow=<cidr,cidr,…>      where it may send from
  max_held_events=<n>         how many events are held while it is paused
  event_types.<type>=<mode>   live, dry_run or off
  label.<name>=<text>         said of the site: conditions of automations read site.labels
A setting without a value (\`rate.burst=\`) takes the deployment's default again, a label without one is removed.`;

export function addChanges(sites: Command): void {
  const set = sites
    .command('set <site-id> <name=value...>')
    .description('change what a site is set to, all of it or nothing, and publish it')
    .addHelpText('after', SETTINGS_HELP)
    .addOption(jsonOption());
  set.action((siteId: string, texts: string[], flags: SiteFlags) => {
    const given = parsed(texts, set);
    const { eventTypes } = rulesFrom(process.env, flags);
    return runChange(siteId, flags, (tx, site) => setMembers(tx, site, given, eventTypes));
  });

  const statuses = { pause: 'paused', resume: 'active', disable: 'disabled' } as const;
  const meanings = {
    pause: 'accept and hold its events, push no results',
    resume: 'let a paused or disabled site work again',
    disable: 'refuse its events',
  };
  for (const verb of ['pause', 'resume', 'disable'] as const) {
    sites
      .command(`${verb} <site-id>`)
      .description(meanings[verb])
      .addOption(jsonOption())
      .action((siteId: string, flags: SiteFlags) =>
        runChange(siteId, flags, (tx, site) => setStatus(tx, site, statuses[verb])),
      );
  }
  addRemove(sites);
  addEndpoint(sites);
}

function parsed(texts: readonly string[], command: Command): Record<string, string> {
  try {
    return assignments(texts);
  } catch (error) {
    return command.error(`error: ${error instanceof Error ? error.message : error}`, { exitCode: EXIT.usage });
  }
}

function addRemove(sites: Command): void {
  sites
    .command('remove <site-id>')
    .description('remove a disabled site with its keys and secrets; its events and results stay (pressferry erase)')
    .option('--force', 'also one that is not disabled')
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags & { force?: boolean }) => {
      let remains: Remains = { events: 0, openRuns: 0, undelivered: 0 };
      return runChange(
        siteId,
        flags,
        async (tx, site) => {
          remains = await countRemains(tx, siteId);
          return removeSiteRow(tx, site, { force: flags.force === true });
        },
        () => ({ text: remainsText(siteId, remains), json: { remains: jsonOf(remains) } }),
      );
    });
}

const remainsText = (siteId: string, { events, openRuns, undelivered }: Remains): string =>
  events === 0
    ? 'it has no events'
    : `its ${events} events stay (${openRuns} runs and ${undelivered} deliveries of them are held): pressferry erase --site ${siteId} --yes`;

const jsonOf = ({ events, openRuns, undelivered }: Remains) => ({
  events,
  open_runs: openRuns,
  undelivered_results: undelivered,
});

function addEndpoint(sites: Command): void {
  const endpoint = sites.command('endpoint').description("where a site's results are pushed");
  addPolicyOptions(endpoint.command('set <site-id> <url>'))
    .description('push its results to this callback URL')
    .addOption(jsonOption())
    .action((siteId: string, url: string, flags: SiteFlags) => {
      const rules = rulesFrom(process.env, flags);
      return runChange(siteId, flags, (tx, site) => setEndpoint(tx, site, url, rules));
    });
  endpoint
    .command('clear <site-id>')
    .description('push no results: the site polls them')
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags) => runChange(siteId, flags, clearEndpoint));
  endpoint
    .command('resume <site-id>')
    .description('push again to a callback URL that was stopped by a 410')
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags) => runChange(siteId, flags, resumeEndpoint));
}
