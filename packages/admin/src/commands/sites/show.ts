import { Kvm } from '@nats-io/kv';
import { SITES_BUCKET } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import {
  countRemains,
  type Defaults,
  effectiveSettings,
  readEndpointHealth,
  readHeartbeat,
  readSite,
  recordOf,
  type StoredSite,
} from '@pressferry/registry';
import { integer, parseConfig } from '@pressferry/runtime';
import { recordText, SITE_DEFAULTS } from '@pressferry/sites';
import type { Command } from 'commander';
import { z } from 'zod';
import { unusableOf } from '../../operate/unusable.ts';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import { jsonOption, keyringIfSet, publishing, type SiteFlags } from './context.ts';
import { keyLine, keyOf, linesOf, secretLine, secretOf } from './show-text.ts';

export function addShow(sites: Command): void {
  sites
    .command('show <site-id>')
    .description(
      'show a site: each setting in force and where it comes from, its keys and secrets, what cannot be used, what waits',
    )
    .addHelpText(
      'after',
      '\nA setting comes from `site`, from `config` (the variable of the services, if it is set here too) or is the `default`.\n' +
        'With SEALING_KEYS secrets are opened, not shown; with NATS_URL what is published is compared.',
    )
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags) => runCommand(() => show(siteId, flags)));
}

/** Null, after a message, if there is none. */
async function found(db: Database, siteId: string, json: boolean | undefined): Promise<StoredSite | null> {
  const site = await readSite(db, siteId);
  if (site !== undefined) return site;
  const why = `there is no site ${siteId}: pressferry sites list`;
  if (json) console.log(JSON.stringify({ site_id: siteId, result: 'refused', why: [why] }));
  else console.error(why);
  return null;
}

async function show(siteId: string, { json }: SiteFlags): Promise<number> {
  await using db = databaseFrom(process.env);
  const site = await found(db, siteId, json);
  if (site === null) return EXIT.failed;
  const shown = {
    site_id: siteId,
    status: site.status,
    registered_at: site.createdAt,
    changed_at: site.updatedAt,
    paused_at: site.pausedAt,
    issuer: site.issuer,
    audience: site.audience,
    callback_url: site.callbackUrl,
    callback_stopped_at: site.callbackStoppedAt,
    endpoint: (await readEndpointHealth(db, siteId)) ?? null,
    heartbeat: (await readHeartbeat(db, siteId)) ?? null,
    keys: site.keys.map(keyOf),
    secrets: site.secrets.map(secretOf),
    labels: site.labels,
    settings: effectiveSettings(site.settings, defaultsFrom(process.env)),
    unusable: await unusableOf(site, keyringIfSet(process.env)),
    published: await publishedState(site),
    waiting: await countRemains(db, siteId),
  };
  console.log(json ? JSON.stringify(shown) : linesOf(shown).join('\n'));
  return EXIT.done;
}

/** Ingress' defaults, as far as they are set here. */
function defaultsFrom(env: NodeJS.ProcessEnv): Defaults {
  const rate = integer(0, 10_000_000).optional();
  const configured = parseConfig(
    z.object({ RATE_LIMIT_SITE_PER_MINUTE: rate, RATE_LIMIT_SITE_BURST: rate, MAX_HELD_EVENTS: rate }),
    env,
  );
  const { RATE_LIMIT_SITE_PER_MINUTE: perMinute, RATE_LIMIT_SITE_BURST: burst, MAX_HELD_EVENTS: held } = configured;
  return {
    rate: { perMinute: perMinute ?? SITE_DEFAULTS.perMinute, burst: burst ?? SITE_DEFAULTS.burst },
    maxHeldEvents: held ?? SITE_DEFAULTS.maxHeldEvents,
    isConfigured: { perMinute: perMinute !== undefined, burst: burst !== undefined, maxHeldEvents: held !== undefined },
  };
}

/** Whether services know the site as Postgres holds it. */
async function publishedState(site: StoredSite): Promise<string> {
  if (!process.env.NATS_URL && !process.env.NATS_URL_FILE) return 'not looked at: NATS_URL is not set';
  let text: string | undefined;
  const fault = await publishing(process.env, async ({ nats }) => {
    text = (await (await new Kvm(nats).open(SITES_BUCKET)).get(site.siteId))?.string();
  });
  if (fault !== null) return `not known: ${fault}`;
  return text === recordText(recordOf(site)) ? 'yes' : 'no, or otherwise: pressferry sites publish';
}

export async function showKeys(siteId: string, { json }: SiteFlags): Promise<number> {
  await using db = databaseFrom(process.env);
  const site = await found(db, siteId, json);
  if (site === null) return EXIT.failed;
  const keys = site.keys.map(keyOf);
  console.log(json ? JSON.stringify(keys) : keys.map(keyLine).join('\n') || `${siteId} has no key`);
  return EXIT.done;
}

export async function showSecrets(siteId: string, { json }: SiteFlags): Promise<number> {
  await using db = databaseFrom(process.env);
  const site = await found(db, siteId, json);
  if (site === null) return EXIT.failed;
  const secrets = site.secrets.map(secretOf);
  console.log(json ? JSON.stringify(secrets) : secrets.map(secretLine).join('\n') || `${siteId} has no secret`);
  return EXIT.done;
}
