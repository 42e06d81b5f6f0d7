import { decisionReasonContext, eventBodyContext } from '@pressferry/runtime';
import { sql } from 'kysely';
import type { EraseDeps } from './model.ts';
import type { Target } from './target.ts';

const BATCH = 200;

/** A batch of matching events, and how many of its sealed texts do not open. */
export interface Found {
  requestIds: string[];
  unreadable: number;
}

interface Row {
  filed_at: string;
  request_id: string;
  sealed_body: string;
  outputs: { run_id: string; position: number; sealed_output: string }[] | null;
  results: { result_id: string; sealed_body: string }[] | null;
  reasons: { run_id: string; position: number; sealed_reason: string }[] | null;
}

/** Oldest first. For a person every event of the site is opened, with its outputs and results. */
export async function* findEvents(target: Target, { db, keyring }: EraseDeps): AsyncGenerator<Found> {
  let after = { filed_at: '-infinity', request_id: '00000000-0000-0000-0000-000000000000' };
  const isPerson = target.kind === 'person';
  const siteId = target.siteId ?? null;
  const objectRef = target.kind === 'object' ? target.objectRef : null;
  for (;;) {
    const { rows } = await sql<Row>`
      select filed_at::text, request_id, sealed_body, outputs.list as outputs, results.list as results,
        reasons.list as reasons
      from events
      left join lateral (
        select json_agg(json_build_object('run_id', run_id, 'position', position, 'sealed_output', sealed_output)) as list
        from runs join steps using (filed_at, run_id)
        where ${isPerson} and runs.filed_at = events.filed_at and runs.request_id = events.request_id and sealed_output is not null
      ) as outputs on true
      left join lateral (
        select json_agg(json_build_object('result_id', result_id, 'sealed_body', results.sealed_body)) as list
        from results
        where ${isPerson} and results.filed_at = events.filed_at and results.request_id = events.request_id
      ) as results on true
      left join lateral (
        select json_agg(json_build_object('run_id', run_id, 'position', position, 'sealed_reason', sealed_reason)) as list
        from open_runs join open_steps using (run_id)
        where ${isPerson} and open_runs.request_id = events.request_id and sealed_reason is not null
      ) as reasons on true
      where (filed_at, request_id) > (${after.filed_at}::timestamptz, ${after.request_id}::uuid)
        and (${siteId}::text is null or site_id = ${siteId})
        and (${objectRef}::text is null or object_ref = ${objectRef})
      order by filed_at, request_id limit ${BATCH}
    `.execute(db);
    const found: Found = { requestIds: [], unreadable: 0 };
    for (const row of rows) {
      const texts = isPerson ? openAll(row, keyring) : { texts: [], unreadable: 0 };
      found.unreadable += texts.unreadable;
      if (!isPerson || texts.texts.some(target.names)) found.requestIds.push(row.request_id);
    }
    yield found;
    const last = rows.at(-1);
    if (last === undefined || rows.length < BATCH) return;
    after = { filed_at: last.filed_at, request_id: last.request_id };
  }
}

function openAll(row: Row, keyring: EraseDeps['keyring']): { texts: string[]; unreadable: number } {
  const sealed: [text: string, context: string][] = [
    [row.sealed_body, eventBodyContext(row.request_id)],
    ...(row.outputs ?? []).map((output): [string, string] => [
      output.sealed_output,
      `step:${output.run_id}:${output.position}`,
    ]),
    ...(row.results ?? []).map((result): [string, string] => [result.sealed_body, `result:${result.result_id}`]),
    ...(row.reasons ?? []).map(({ run_id, position, sealed_reason }): [string, string] => [
      sealed_reason,
      decisionReasonContext(run_id, position),
    ]),
  ];
  const texts: string[] = [];
  for (const [text, context] of sealed) {
    const opened = openText(() => keyring.open(text, context).toString('utf8'));
    if (opened !== null) texts.push(opened);
  }
  return { texts, unreadable: sealed.length - texts.length };
}

/** Decoded for the search, because JSON may escape letters of an address. Null if it does not open. */
export function openText(open: () => string): string | null {
  try {
    const text = open();
    return text.includes('\\u') ? JSON.stringify(JSON.parse(text)) : text;
  } catch {
    return null;
  }
}
