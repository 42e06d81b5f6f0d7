import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface DuePoke {
  siteId: string;
  callbackUrl: string;
}

/** After so many unanswered pokes a site is left alone until it reports by itself: a week at a spacing of 5 min. */
const MAX_FAILURES = 14;

/** Takes due sites for this process alone. Sets their next time first, as if the poke would fail. */
export async function claimPokes(db: Database, limit: number, spacingMs: number): Promise<DuePoke[]> {
  const { rows } = await sql<DuePoke>`
    with due as (
      select site_id, callback_url from site_heartbeats join sites using (site_id)
      where poke_at <= now() and sites.status <> 'disabled' and callback_url is not null and callback_stopped_at is null
      order by poke_at limit ${limit} for update of site_heartbeats skip locked
    )
    update site_heartbeats set poked_at = now(), poke_outcome = null, poke_failures = poke_failures + 1,
      poke_at = case when poke_failures < ${MAX_FAILURES} then now() + least(interval '1 day',
        ${spacingMs}::bigint * interval '1 millisecond' * power(2, least(poke_failures, 12))) end
    from due where site_heartbeats.site_id = due.site_id
    returning due.site_id as "siteId", due.callback_url as "callbackUrl"`.execute(db);
  return rows;
}

/** A site that answered is poked again after `silenceMs`, unless it reports before. */
export async function notePoke(db: Database, siteId: string, outcome: string, silenceMs: number): Promise<void> {
  await sql`
    update site_heartbeats set poke_outcome = ${outcome},
      poke_failures = case when ${outcome === 'answered'} then 0 else poke_failures end,
      poke_at = case when ${outcome === 'answered'} and received_at < poked_at
        then now() + ${silenceMs}::bigint * interval '1 millisecond' else poke_at end
    where site_id = ${siteId}`.execute(db);
}
