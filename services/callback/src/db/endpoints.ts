import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { Health } from '../model.ts';

/** Instants travel as ms from now, both ways, because all replicas share the clock of Postgres. */
interface Row {
  site_id: string;
  callback_url: string;
  straight_failures: number;
  success_ago_ms: number | null;
  probe_pause_ms: number | null;
  probe_in_ms: number | null;
  gone_since: Date | null;
}

/** Endpoints without a row are left out. */
export async function readEndpoints(
  db: Database,
  siteIds: readonly string[],
  nowMs: number,
): Promise<Map<string, Health>> {
  const { rows } = await sql<Row>`/* read_endpoints */
    select site_id, callback_url, straight_failures, probe_pause_ms, gone_since,
      (extract(epoch from now() - last_success_at) * 1000)::float8 as success_ago_ms,
      (extract(epoch from next_probe_at - now()) * 1000)::float8 as probe_in_ms
    from site_endpoints where site_id = any(${siteIds}::text[])`.execute(db);
  return new Map(
    rows.map((row) => [
      row.site_id,
      {
        callbackUrl: row.callback_url,
        straightFailures: row.straight_failures,
        lastSuccessAtMs: row.success_ago_ms === null ? null : nowMs - row.success_ago_ms,
        probePauseMs: row.probe_pause_ms,
        nextProbeAtMs: row.probe_in_ms === null ? null : nowMs + row.probe_in_ms,
        goneSinceMs: row.gone_since?.getTime() ?? null,
      },
    ]),
  );
}

/**
 * Failures that another replica counted meanwhile stay counted, unless this one saw a later acknowledgement (by more
 * than clock skew). Rows are locked in one order, because replicas write the same ones.
 */
export async function writeEndpoints(db: Database, changes: ReadonlyMap<string, Health>, nowMs: number): Promise<void> {
  if (changes.size === 0) return;
  const rows = [...changes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([site_id, health]) => ({
      site_id,
      callback_url: health.callbackUrl,
      straight_failures: health.straightFailures,
      success_ago_ms: health.lastSuccessAtMs === null ? null : nowMs - health.lastSuccessAtMs,
      probe_pause_ms: health.probePauseMs,
      probe_in_ms: health.nextProbeAtMs === null ? null : health.nextProbeAtMs - nowMs,
      gone_since: health.goneSinceMs === null ? null : new Date(health.goneSinceMs).toISOString(),
    }));
  await sql`
    insert into site_endpoints as known (site_id, callback_url, straight_failures, last_success_at, probe_pause_ms,
      next_probe_at, gone_since)
    select site_id, callback_url, straight_failures, now() - success_ago_ms * interval '1 ms', probe_pause_ms,
      now() + probe_in_ms * interval '1 ms', gone_since
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as seen (site_id text, callback_url text, straight_failures integer,
      success_ago_ms float8, probe_pause_ms integer, probe_in_ms float8, gone_since timestamptz)
    on conflict (site_id) do update set
      callback_url = excluded.callback_url,
      straight_failures = case
        when excluded.straight_failures = 0 or known.callback_url <> excluded.callback_url
          or excluded.last_success_at > coalesce(known.last_success_at, '-infinity') + interval '5 s'
        then excluded.straight_failures else greatest(known.straight_failures, excluded.straight_failures) end,
      last_success_at = case
        when excluded.straight_failures > 0 and known.callback_url = excluded.callback_url
        then greatest(known.last_success_at, excluded.last_success_at) else excluded.last_success_at end,
      probe_pause_ms = excluded.probe_pause_ms,
      next_probe_at = excluded.next_probe_at,
      gone_since = excluded.gone_since,
      updated_at = now()`.execute(db);
}

/**
 * Takes the probes of open endpoints that are due and schedules the next ones: one probe at a time over all replicas.
 * Returns the sites to probe, with the pause until the next.
 */
export async function takeProbes(db: Database, siteIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ site_id: string; probe_pause_ms: number }>`
    update site_endpoints set next_probe_at = now() + probe_pause_ms * interval '1 ms', updated_at = now()
    where site_id in (
      select site_id from site_endpoints
      where site_id = any(${siteIds}::text[]) and probe_pause_ms is not null and next_probe_at <= now()
      for update skip locked
    )
    returning site_id, probe_pause_ms`.execute(db);
  return new Map(rows.map(({ site_id, probe_pause_ms }) => [site_id, probe_pause_ms]));
}

/** Does nothing if the site's callback URL was changed meanwhile. Written to the audit log once. */
export async function stopEndpoint(
  db: Database,
  { siteId, callbackUrl, reason }: { siteId: string; callbackUrl: string; reason: string },
): Promise<void> {
  await sql`
    with stopped as (
      update sites set callback_stopped_at = now(), updated_at = now()
      where site_id = ${siteId} and callback_url = ${callbackUrl} and callback_stopped_at is null
      returning site_id
    )
    insert into audit_log (actor, action, site_id, detail)
    select 'callback', 'site.callback_stopped', site_id, jsonb_build_object('reason', ${reason}::text) from stopped`.execute(
    db,
  );
}

export async function countStopped(db: Database): Promise<number> {
  const { rows } = await sql<{ stopped: number }>`
    select count(*)::integer as stopped from sites where callback_stopped_at is not null`.execute(db);
  return rows[0]?.stopped ?? 0;
}
