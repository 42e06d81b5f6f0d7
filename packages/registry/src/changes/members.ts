import { isDeepStrictEqual } from 'node:util';
import type { SiteRecord } from '@pressferry/sites';
import { sql } from 'kysely';
import { changeLabels } from '../check/labels.ts';
import { changeSettings, type KnownEventTypes } from '../check/settings.ts';
import { nameFault } from '../check/site.ts';
import type { Queryable, StoredSite } from '../read.ts';
import { type AuditAction, type Change, refused } from './change.ts';

/** Issuer, audience, settings and labels by assignments `name=value`, all or none. */
export async function setMembers(
  tx: Queryable,
  site: StoredSite,
  assignments: Readonly<Record<string, string>>,
  eventTypes: KnownEventTypes,
): Promise<Change> {
  const { labels, others: settable, faults: labelFaults } = changeLabels(site.labels, assignments);
  const { issuer = site.issuer, audience = site.audience, ...others } = settable;
  const faults = Object.entries({ issuer, audience }).flatMap(([name, value]) => {
    const fault = nameFault(value);
    return fault === null ? [] : [`${name} ${fault}`];
  });
  const changed = changeSettings(site.settings, others, eventTypes);
  faults.push(...labelFaults);
  if ('refused' in changed) faults.push(...changed.refused);
  if (faults.length > 0 || 'refused' in changed) return refused(...faults);
  const { settings } = changed;
  const wanted = { issuer, audience, settings, labels };
  const { issuer: wasIssuer, audience: wasAudience, settings: wasSettings, labels: wasLabels } = site;
  if (isDeepStrictEqual(wanted, { issuer: wasIssuer, audience: wasAudience, settings: wasSettings, labels: wasLabels }))
    return { kind: 'unchanged', says: `${site.siteId} is set so already` };
  await tx
    .updateTable('sites')
    .set({
      ...{ issuer, audience, settings: JSON.stringify(settings), labels: JSON.stringify(labels) },
      updated_at: sql<Date>`now()`,
    })
    .where('site_id', '=', site.siteId)
    .execute();
  const text = Object.entries(assignments).map(
    ([name, value]) => `${name}=${value !== '' ? value : name.startsWith('label.') ? 'none' : 'default'}`,
  );
  return { kind: 'changed', action: 'site.set', detail: assignments, says: `${site.siteId} has ${text.join(', ')}` };
}

const ACTIONS: Record<SiteRecord['status'], AuditAction> = {
  active: 'site.resume',
  paused: 'site.pause',
  disabled: 'site.disable',
};

export async function setStatus(
  tx: Queryable,
  { siteId, status: before }: StoredSite,
  status: SiteRecord['status'],
): Promise<Change> {
  if (before === status) return { kind: 'unchanged', says: `${siteId} is ${status} already` };
  await tx.updateTable('sites').set({ status, updated_at: sql<Date>`now()` }).where('site_id', '=', siteId).execute();
  return { kind: 'changed', action: ACTIONS[status], detail: { before }, says: `${siteId} is ${status}` };
}
