import type { Database } from '@pressferry/database';
import { type RawBuilder, sql } from 'kysely';
import type { Queryable } from './read.ts';

/** Holds no personal data. Units are in the names. */
export interface SiteReport {
  plugin_version: string;
  wordpress_version: string;
  php_version: string;
  counts: Record<string, number>;
  /** Null if none waits. */
  oldest_pending_s: number | null;
  clock_offset_ms: number | null;
  key_age_s: number | null;
  cron_late_s: number;
}

export interface Heartbeat {
  receivedAt: Date;
  homeUrl: string;
  report: SiteReport;
  copyHomeUrl: string | null;
  copySeenAt: Date | null;
  pokedAt: Date | null;
  pokeOutcome: string | null;
}

/** A site that is behind is poked at once, at most every `spacingMs`; a silent one after `silenceMs`. */
export interface PokeRule {
  spacingMs: number;
  silenceMs: number;
}

/** With working cron, an older event would have been sent. */
const BACKLOG_S = 300;
const CRON_LATE_S = 600;

/** Sites report hourly and are poked after two hours: one that is silent for a day is down, or has no plugin. */
const SILENT_AFTER = sql`interval '1 day'`;

/** Something waits that the site's own cron does not send. */
export const isBehind = ({ oldest_pending_s, cron_late_s }: SiteReport): boolean =>
  (oldest_pending_s ?? 0) > BACKLOG_S || cron_late_s > CRON_LATE_S;

const ms = (duration: number) => sql`${duration}::bigint * interval '1 millisecond'`;

/** Also sets when the site is to be poked. */
export async function noteHeartbeat(
  db: Database,
  siteId: string,
  { homeUrl, report }: { homeUrl: string; report: SiteReport },
  { spacingMs, silenceMs }: PokeRule,
): Promise<void> {
  const waits = isBehind(report)
    ? sql`greatest(now(), site_heartbeats.poked_at + ${ms(spacingMs)})`
    : sql`now() + ${ms(silenceMs)}`;
  await sql`
    insert into site_heartbeats as site_heartbeats (site_id, received_at, home_url, report, poke_at)
    values (${siteId}, now(), ${homeUrl}, ${JSON.stringify(report)}::jsonb,
      now() + ${ms(isBehind(report) ? 0 : silenceMs)})
    on conflict (site_id) do update set received_at = excluded.received_at, home_url = excluded.home_url,
      report = excluded.report, poke_at = ${waits}, poke_failures = 0`.execute(db);
}

/** A copy of a site, with its keys, runs under another home URL. */
export async function noteCopy(db: Database, siteId: string, homeUrl: string, report: SiteReport): Promise<void> {
  await sql`
    insert into site_heartbeats as site_heartbeats (site_id, received_at, home_url, report, copy_home_url, copy_seen_at)
    values (${siteId}, 'epoch', '', ${JSON.stringify(report)}::jsonb, ${homeUrl}, now())
    on conflict (site_id) do update set copy_home_url = excluded.copy_home_url, copy_seen_at = now()`.execute(db);
}

/** Undefined if the site never reported. */
export async function readHeartbeat(db: Queryable, siteId: string): Promise<Heartbeat | undefined> {
  const { rows } = await sql<Heartbeat>`
    select received_at as "receivedAt", home_url as "homeUrl", report, copy_home_url as "copyHomeUrl",
      copy_seen_at as "copySeenAt", poked_at as "pokedAt", poke_outcome as "pokeOutcome"
    from site_heartbeats where site_id = ${siteId}`.execute(db);
  return rows[0];
}

/** The last report, and whether it is too old; none for a disabled site or one that never reported. */
export interface Heard {
  siteId: string;
  receivedAt: Date;
  isSilent: boolean;
}

export async function readHeard(db: Queryable): Promise<Map<string, Heard>> {
  const { rows } = await heard(sql``).execute(db);
  return new Map(rows.map((row) => [row.siteId, row]));
}

/** Sites that used to report, and are silent. */
export async function countSilentSites(db: Queryable): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (${heard(sql`and received_at < now() - ${SILENT_AFTER}`)}) silent`.execute(db);
  return rows[0]?.count ?? 0;
}

// The epoch means that only a copy reported.
const heard = (which: RawBuilder<unknown>) => sql<Heard>`
  select site_id as "siteId", received_at as "receivedAt", received_at < now() - ${SILENT_AFTER} as "isSilent"
  from site_heartbeats join sites using (site_id)
  where sites.status <> 'disabled' and received_at > 'epoch' ${which}`;
