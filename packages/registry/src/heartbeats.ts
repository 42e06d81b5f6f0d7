import type { Database } from '@pressferry/database';
import { type RawBuilder, sql } from 'kysely';
import type { Queryable } from './read.ts';

/** What a site says of itself: no personal data. Ages and offsets in s and ms as the names say. */
export interface SiteReport {
  plugin_version: string;
  wordpress_version: string;
  php_version: string;
  /** Events by state. */
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

/** When a site is woken: at once if it is behind, at most every `spacingMs`; and once it has been silent for `silenceMs`. */
export interface PokeRule {
  spacingMs: number;
  silenceMs: number;
}

/** Older than that, what waits would have been sent, were the site's cron alive. */
const BACKLOG_S = 300;
const CRON_LATE_S = 600;

/** Sites report hourly, and are woken after two hours: one that is silent for a day is down, or its plugin is gone. */
const SILENT_AFTER = sql`interval '1 day'`;

/** True if something waits on the site that its own cron does not send. */
export const isBehind = ({ oldest_pending_s, cron_late_s }: SiteReport): boolean =>
  (oldest_pending_s ?? 0) > BACKLOG_S || cron_late_s > CRON_LATE_S;

const ms = (duration: number) => sql`${duration}::bigint * interval '1 millisecond'`;

/** Keeps what a site said, and sets when it is to be woken. */
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

/** Notes that a copy of a site, with its keys, runs under another home URL. */
export async function noteCopy(db: Database, siteId: string, homeUrl: string, report: SiteReport): Promise<void> {
  await sql`
    insert into site_heartbeats as site_heartbeats (site_id, received_at, home_url, report, copy_home_url, copy_seen_at)
    values (${siteId}, 'epoch', '', ${JSON.stringify(report)}::jsonb, ${homeUrl}, now())
    on conflict (site_id) do update set copy_home_url = excluded.copy_home_url, copy_seen_at = now()`.execute(db);
}

/** What a site last said; undefined if it never did. */
export async function readHeartbeat(db: Queryable, siteId: string): Promise<Heartbeat | undefined> {
  const { rows } = await sql<Heartbeat>`
    select received_at as "receivedAt", home_url as "homeUrl", report, copy_home_url as "copyHomeUrl",
      copy_seen_at as "copySeenAt", poked_at as "pokedAt", poke_outcome as "pokeOutcome"
    from site_heartbeats where site_id = ${siteId}`.execute(db);
  return rows[0];
}

/** When a site last reported, and whether that is too long ago; never of a site that is disabled, or has not reported so far. */
export interface Heard {
  siteId: string;
  receivedAt: Date;
  isSilent: boolean;
}

/** When each site last reported, for a list of all. */
export async function readHeard(db: Queryable): Promise<Map<string, Heard>> {
  const { rows } = await heard(sql``).execute(db);
  return new Map(rows.map((row) => [row.siteId, row]));
}

/** How many sites used to report, and are silent. */
export async function countSilentSites(db: Queryable): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (${heard(sql`and received_at < now() - ${SILENT_AFTER}`)}) silent`.execute(db);
  return rows[0]?.count ?? 0;
}

// The epoch stands in while only a copy was heard.
const heard = (which: RawBuilder<unknown>) => sql<Heard>`
  select site_id as "siteId", received_at as "receivedAt", received_at < now() - ${SILENT_AFTER} as "isSilent"
  from site_heartbeats join sites using (site_id)
  where sites.status <> 'disabled' and received_at > 'epoch' ${which}`;
