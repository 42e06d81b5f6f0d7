import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface WaitingRun {
  run_id: string;
  request_id: string;
  site_id: string;
  automation: string;
  step: string;
  waiting_for: 'approval' | 'delay' | 'next attempt';
  since: Date | null;
  until: Date;
}

/** By the time at which they go on, earliest first. */
export async function readWaiting(
  db: Database,
  { site, automation, limit }: { site?: string | undefined; automation?: string | undefined; limit: number },
): Promise<WaitingRun[]> {
  const { rows } = await sql<WaitingRun>`
    select run_id, request_id, site_id, automation, step.name as step, step.started_at as since, due_at as until,
      case when step.type = 'approve' and step.decision is null then 'approval' when step.type = 'delay' then 'delay'
        else 'next attempt' end as waiting_for
    from open_runs join lateral (
      select name, type, started_at, decision from open_steps
      where open_steps.run_id = open_runs.run_id and status = 'pending' order by position limit 1
    ) as step on true
    where open_runs.status = 'waiting' and (${site ?? null}::text is null or site_id = ${site ?? null})
      and (${automation ?? null}::text is null or automation = ${automation ?? null})
    order by due_at limit ${limit}`.execute(db);
  return rows;
}
