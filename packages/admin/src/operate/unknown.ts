import { Kvm } from '@nats-io/kv';
import { BUILT_IN_EVENT_TYPES, loadCatalogue, SITES_BUCKET } from '@pressferry/contracts';
import { type Database, isKnown } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { list, parseConfig } from '@pressferry/runtime';
import { z } from 'zod';

/** Names that an operator filters by. */
export interface Named {
  site?: string | undefined;
  automation?: string | undefined;
  type?: string | undefined;
}

const typesConfig = z.object({ EVENT_TYPES_DIRS: list().default([]) });

/**
 * The message for the first name that nothing has or had; undefined if all are known. Without it, a mistyped name would
 * look like an empty list.
 */
export async function unknownIn({ site, automation, type }: Named, db: Database): Promise<string | undefined> {
  if (site !== undefined && !(await isSiteKnown(site, db))) return noSite(site);
  if (automation !== undefined && !(await isKnown(db, { scope: 'automation', name: automation })))
    return `enricher has never loaded an automation ${automation}: pressferry automations validate lists those of a file`;
  if (type === undefined) return undefined;
  const { EVENT_TYPES_DIRS } = parseConfig(typesConfig, process.env);
  return loadCatalogue([BUILT_IN_EVENT_TYPES, ...EVENT_TYPES_DIRS]).has(type)
    ? undefined
    : `no event type is named ${type}; types of your own are read from EVENT_TYPES_DIRS`;
}

/** A removed site is known from the audit log. */
async function isSiteKnown(site: string, db: Database): Promise<boolean> {
  if (await isKnown(db, { scope: 'site', name: site })) return true;
  const audited = db.selectFrom('audit_log').select('site_id').where('site_id', '=', site).limit(1);
  return (await audited.executeTakeFirst()) !== undefined;
}

/** The same from the published registry, which keeps a marker for each removed site. */
export async function unknownSiteIn(nats: NatsConnection, site: string | undefined): Promise<string | undefined> {
  if (site === undefined) return undefined;
  try {
    const bucket = await new Kvm(nats).open(SITES_BUCKET);
    return (await bucket.get(site)) === null ? noSite(site) : undefined;
  } catch {
    return undefined;
  }
}

const noSite = (site: string): string => `there is no site ${site}: pressferry sites list`;
