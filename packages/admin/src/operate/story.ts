import type { Database } from '@pressferry/database';
import { readDecisions } from './decide.ts';
import { remedyOf } from './remedies.ts';
import { readTimelines, type Timeline, type TimelineRun } from './timeline.ts';

export interface Moment {
  at: Date;
  what: string;
  code?: string;
  remedy?: string;
}

/** The events' histories in order of time; without those that are not stored. */
export async function readStories(db: Database, requestIds: readonly string[]) {
  const timelines = await readTimelines(db, requestIds);
  const decisions = await readDecisions(
    db,
    timelines.flatMap(({ runs }) => runs.map(({ run_id }) => run_id)),
  );
  return timelines.map((timeline) => {
    const { event, runs } = timeline;
    const moments = [
      ...momentsOfEvent(timeline),
      ...runs.flatMap(momentsOfCalls),
      ...runs.flatMap((run) => momentsOfDecisions(run, decisions)),
      ...runs.flatMap(waitingMoments),
      ...runs.flatMap(momentsOfRun),
    ];
    return { event, runs, moments: moments.toSorted((a, b) => a.at.getTime() - b.at.getTime()) };
  });
}

const momentsOfEvent = ({ event, runs }: Timeline): Moment[] => [
  { at: event.occurred_at, what: 'happened on the site' },
  { at: event.received_at, what: `accepted by ingress (${event.mode})` },
  { at: event.stored_at, what: `stored by enricher, ${runs.length} run(s)` },
];

const momentsOfCalls = ({ automation, steps, calls }: TimelineRun): Moment[] =>
  calls.flatMap((call) => {
    const step = steps.find(({ position }) => position === call.position);
    if (step === undefined) return [];
    const what = `${automation}: step ${step.name} (${step.vendor}), attempt ${call.attempt}: ${answerOf(call)}`;
    return [moment(call.started_at, what, call.failure_code)];
  });

const momentsOfDecisions = (run: TimelineRun, decisions: Awaited<ReturnType<typeof readDecisions>>): Moment[] =>
  decisions
    .filter(({ run_id }) => run_id === run.run_id)
    .map(({ at, step, decision, by }) => moment(at, `${run.automation}: step ${step} ${decision} by ${by}`, null));

/** From when, and at most until when, a run waits. */
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

function momentsOfRun(run: TimelineRun): Moment[] {
  const { automation, result, delivery } = run;
  const ends = [
    { at: run.finished_at, what: `run ${run.status}`, code: run.failure_code },
    { at: result?.published_at, what: 'result published', code: null },
    { at: delivery?.finished_at, what: `delivery ${delivery?.status}`, code: delivery?.failure_code ?? null },
  ].flatMap(({ at, what, code }) => (at == null ? [] : [moment(at, `${automation}: ${what}`, code)]));
  const pushes = run.attempts.map((push) =>
    moment(push.started_at, `${automation}: push ${push.attempt}: ${answerOf(push)}`, push.failure_code),
  );
  return [...ends, ...pushes];
}

const answerOf = (attempt: { outcome: string; status_code: number | null; duration_ms: number }): string => {
  const status = attempt.status_code === null ? '' : `, HTTP ${attempt.status_code}`;
  return `${attempt.outcome}${status}, ${attempt.duration_ms} ms`;
};

function moment(at: Date, what: string, code: string | null): Moment {
  const remedy = remedyOf(code);
  return { at, what, ...(code === null ? {} : { code }), ...(remedy === undefined ? {} : { remedy }) };
}
