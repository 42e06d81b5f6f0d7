import type { Database } from '@pressferry/database';
import { readDecisions } from './decide.ts';
import { remedyOf } from './remedies.ts';
import { readTimeline, type TimelineRun } from './timeline.ts';

/** One thing that happened to an event. */
export interface Moment {
  at: Date;
  what: string;
  code?: string;
  remedy?: string;
}

/** All that Postgres holds of an event, in the order in which it happened; undefined if it is not stored. */
export async function readStory(db: Database, requestId: string) {
  const timeline = await readTimeline(db, requestId);
  if (timeline === undefined) return undefined;
  const { event, runs } = timeline;
  const tries = await db
    .selectFrom('step_attempts')
    .innerJoin('runs', (join) =>
      join.onRef('runs.filed_at', '=', 'step_attempts.filed_at').onRef('runs.run_id', '=', 'step_attempts.run_id'),
    )
    .innerJoin('steps', (join) =>
      join
        .onRef('steps.filed_at', '=', 'step_attempts.filed_at')
        .onRef('steps.run_id', '=', 'step_attempts.run_id')
        .onRef('steps.position', '=', 'step_attempts.position'),
    )
    .selectAll('step_attempts')
    .select(['runs.automation', 'steps.name', 'steps.vendor'])
    .where('runs.filed_at', '=', event.filed_at)
    .where('step_attempts.filed_at', '=', event.filed_at)
    .where('runs.request_id', '=', requestId)
    .execute();
  const decisions = await readDecisions(
    db,
    runs.map(({ run_id }) => run_id),
  );
  const moments: Moment[] = [
    { at: event.occurred_at, what: 'happened on the site' },
    { at: event.received_at, what: `accepted by ingress (${event.mode})` },
    { at: event.stored_at, what: `stored by enricher, ${runs.length} run(s)` },
    ...tries.map(
      ({
        started_at: at,
        automation,
        name,
        vendor,
        attempt,
        outcome,
        status_code: status,
        failure_code: code,
        duration_ms: ms,
      }) =>
        moment(
          at,
          `${automation}: step ${name} (${vendor}), attempt ${attempt}: ${outcome}${status === null ? '' : `, HTTP ${status}`}, ${ms} ms`,
          code,
        ),
    ),
    ...decisions.map(({ at, run_id, step, decision, by }) =>
      moment(at, `${runs.find((run) => run.run_id === run_id)?.automation}: step ${step} ${decision} by ${by}`, null),
    ),
    ...runs.flatMap((run) => [
      ...waitingMoments(run),
      ...(run.finished_at === null
        ? []
        : [moment(run.finished_at, `${run.automation}: run ${run.status}`, run.failure_code)]),
      ...(run.result?.published_at == null
        ? []
        : [moment(run.result.published_at, `${run.automation}: result published`, null)]),
      ...run.attempts.map(
        ({ started_at: at, attempt, outcome, status_code: status, failure_code: code, duration_ms: ms }) =>
          moment(
            at,
            `${run.automation}: push ${attempt}: ${outcome}${status === null ? '' : `, HTTP ${status}`}, ${ms} ms`,
            code,
          ),
      ),
      ...(run.delivery?.finished_at == null
        ? []
        : [
            moment(
              run.delivery.finished_at,
              `${run.automation}: delivery ${run.delivery.status}`,
              run.delivery.failure_code,
            ),
          ]),
    ]),
  ];
  return { event, runs, moments: moments.toSorted((a, b) => a.at.getTime() - b.at.getTime()) };
}

/** Since when a run waits by its own automation, and until when at most. */
function waitingMoments({ automation, status, steps, due_at }: TimelineRun): Moment[] {
  const step = steps.find((one) => one.status === 'pending');
  if (status !== 'waiting' || step?.started_at == null || due_at === null) return [];
  if (step.type !== 'approve' && step.type !== 'delay') return [];
  const until = due_at.toISOString();
  if (step.type === 'delay')
    return [moment(step.started_at, `${automation}: step ${step.name} waits until ${until}`, null)];
  const command = `pressferry runs approve ${step.run_id}`;
  return [
    {
      at: step.started_at,
      what: `${automation}: step ${step.name} waits for approval until ${until}`,
      remedy: command,
    },
  ];
}

function moment(at: Date, what: string, code: string | null): Moment {
  const remedy = remedyOf(code);
  return { at, what, ...(code === null ? {} : { code }), ...(remedy === undefined ? {} : { remedy }) };
}
