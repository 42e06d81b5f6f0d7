import type { Timeline, TimelineRun } from '@pressferry/admin';
import type { SiteStatus } from '@pressferry/embedded/wordpress';
import type { Keyring } from '@pressferry/runtime';

interface Moment {
  atMs: number;
  what: string;
  detail: string;
}

/** Each moment in ms after the hook, then the result. */
export function timelineLines(
  timeline: Timeline,
  site: Pick<SiteStatus, 'events' | 'results'>,
  keyring: Pick<Keyring, 'open'>,
): string[] {
  const { event, runs } = timeline;
  const moments = [...sending(timeline, site), ...runs.flatMap(running), ...storing(site)].sort(
    (a, b) => a.atMs - b.atMs,
  );
  const startMs = moments[0]?.atMs ?? 0;
  const lines = moments.map(({ atMs, what, detail }) => {
    const after = `${atMs === startMs ? '' : '+'}${atMs - startMs} ms`;
    return `${after.padStart(11)}  ${what.padEnd(18)} ${detail}`.trimEnd();
  });
  return [
    `${event.event_type} of object ${event.object_ref}, request ${event.request_id}`,
    ...lines,
    ...runs.flatMap((run) => output(run, keyring)),
  ];
}

function sending({ event, runs }: Timeline, { events }: Pick<SiteStatus, 'events'>): Moment[] {
  const outbox = events.find(({ idempotency_key }) => idempotency_key === event.idempotency_key);
  const known: Moment[] =
    outbox === undefined
      ? []
      : [
          {
            atMs: outbox.occurred_at_ms,
            what: 'hook',
            detail: 'WordPress fired it; its payload is frozen in the outbox',
          },
          {
            atMs: outbox.sent_at_ms,
            what: 'outbox',
            detail: `sent, signed, off the visitor's request (try ${outbox.attempts})`,
          },
          { atMs: outbox.finished_at_ms, what: '202', detail: 'WordPress has the acceptance: the event is durable' },
        ];
  const stored = runs.length === 0 ? 'enricher stored it; no automation is for it' : 'enricher stored it in Postgres';
  return [
    ...known,
    { atMs: event.received_at.getTime(), what: 'ingress', detail: 'received it, to verify and publish to JetStream' },
    { atMs: event.stored_at.getTime(), what: 'event', detail: stored },
  ];
}

function running(run: TimelineRun): Moment[] {
  const { automation, steps, result, delivery, attempts } = run;
  const at = (date: Date | null, what: string, detail: string): Moment[] =>
    date === null ? [] : [{ atMs: date.getTime(), what, detail }];
  return [
    ...at(run.started_at, 'run', `${automation} begins`),
    ...steps.flatMap((step) =>
      at(
        step.finished_at,
        `step ${step.name}`,
        `${step.type} at ${step.vendor}: ${step.failure_code ?? step.status}, ${count(step.attempt_count, 'attempt')}${took(step.started_at, step.finished_at)}`,
      ),
    ),
    ...at(
      result === undefined ? null : latest([result.completed_at, ...steps.map(({ finished_at }) => finished_at)]),
      'result',
      `${automation} ${run.status}${run.failure_code === null ? '' : ` (${run.failure_code})`}`,
    ),
    ...attempts.map(({ attempt, started_at, duration_ms, outcome, status_code, failure_code }) => ({
      atMs: started_at.getTime() + duration_ms,
      what: outcome === 'acknowledged' ? 'acknowledgement' : 'attempt',
      detail:
        outcome === 'acknowledged'
          ? `signed, for push ${attempt}, in ${duration_ms} ms`
          : `push ${attempt}: ${failure_code ?? status_code}, in ${duration_ms} ms`,
    })),
    ...(delivery?.status !== 'acknowledged'
      ? at(delivery?.finished_at ?? null, 'delivery', `${delivery?.status}`)
      : // Acknowledged at the first attempt, which has no row.
        at(attempts.length === 0 ? delivery.finished_at : null, 'acknowledgement', 'signed, for push 1')),
  ];
}

const storing = ({ results }: Pick<SiteStatus, 'results'>): Moment[] =>
  results.map(({ automation, stored_at_ms }) => ({
    atMs: Number(stored_at_ms),
    what: 'WordPress',
    detail: `stored the result of ${automation}`,
  }));

function output({ automation, result }: TimelineRun, keyring: Pick<Keyring, 'open'>): string[] {
  if (result === undefined) return [];
  const body = JSON.parse(keyring.open(result.sealed_body, `result:${result.result_id}`).toString('utf8')) as {
    output: Record<string, unknown>;
  };
  return Object.entries(body.output).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    // A model's text must not control the terminal.
    return `  ${automation}.${name}: ${text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')}`;
  });
}

/** The last step and the result are dated by two clocks: a millisecond must not swap them. */
const latest = (dates: (Date | null)[]): Date => new Date(Math.max(...dates.map((date) => date?.getTime() ?? 0)));

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

const took = (from: Date | null, to: Date | null): string =>
  from === null || to === null ? '' : `, ${to.getTime() - from.getTime()} ms`;
