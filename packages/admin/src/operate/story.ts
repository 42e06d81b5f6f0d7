import type { Database } from '@pressferry/database';
import { readDecisions } from './decide.ts';
import { remedyOf } from './remedies.ts';
import { readTimeline, type Timeline, type TimelineRun } from './timeline.ts';

export interface Moment {
  at: Date;
  what: string;
  code?: string;
  remedy?: string;
}

/** An event's history in order of time; undefined if it is not stored. */
export async function readStory(db: Database, requestId: string) {
  const timeline = await readTimeline(db, requestId);
  if (timeline === undefined) return undefined;
  const { event, runs } = timeline;
  const steps = await readStepAttempts(db, event);
  const moments = [
    ...momentsOfEvent(timeline),
    ...steps.map(momentOfStep),
    ...(await readDecisionMoments(db, runs)),
    ...runs.flatMap(waitingMoments),
    ...runs.flatMap(momentsOfRun),
  ];
  return { event, runs, moments: moments.toSorted((a, b) => a.at.getTime() - b.at.getTime()) };
}

type StepAttempt = Awaited<ReturnType<typeof readStepAttempts>>[number];

const readStepAttempts = (db: Database, event: Timeline['event']) =>
  db
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
    .where('runs.request_id', '=', event.request_id)
    .execute();

const momentsOfEvent = ({ event, runs }: Timeline): Moment[] => [
  { at: event.occurred_at, what: 'happened on the site' },
  { at: event.received_at, what: `accepted by ingress (${event.mode})` },
  { at: event.stored_at, what: `stored by enricher, ${runs.length} run(s)` },
];

const momentOfStep = (step: StepAttempt): Moment => {
  const what = `${step.automation}: step ${step.name} (${step.vendor}), attempt ${step.attempt}: ${answerOf(step)}`;
  return moment(step.started_at, what, step.failure_code);
};

async function readDecisionMoments(db: Database, runs: readonly TimelineRun[]): Promise<Moment[]> {
  const automations = new Map(runs.map(({ run_id, automation }) => [run_id, automation]));
  const decisions = await readDecisions(db, [...automations.keys()]);
  return decisions.map(({ at, run_id, step, decision, by }) =>
    moment(at, `${automations.get(run_id)}: step ${step} ${decision} by ${by}`, null),
  );
}

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
