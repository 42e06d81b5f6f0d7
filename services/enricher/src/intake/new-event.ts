import { randomUUID } from 'node:crypto';
import { runId } from '@pressferry/contracts';
import { eventBodyContext, isSealedBody, type Keyring } from '@pressferry/runtime';
import type { Automation } from '../automations/compile.ts';
import { type Matchable, matching } from '../automations/match.ts';
import type { NewEvent } from '../db/store-events.ts';
import type { DecodedEvent } from './decode.ts';
import type { SiteLabels } from './site-labels.ts';

export interface NewEventDeps {
  automations: Iterable<Automation>;
  keyring: Pick<Keyring, 'seal'>;
  labels: Pick<SiteLabels, 'of'>;
  judge: Judge;
}

/** These automations' conditions take too long. */
export interface Undecided {
  undecided: string[];
}

/** Judges a condition on another thread; `json` is the event's data. Undefined if it takes too long. */
export type Judge = (condition: {
  when: string;
  event: Omit<Matchable, 'data'>;
  json: string;
}) => Promise<boolean | undefined>;

/** Seals the body, and adds a run for each automation that matches. */
export async function newEvent(
  { event, fingerprint, occurredAt, data }: DecodedEvent,
  traceparent: string,
  { keyring, labels, ...deps }: NewEventDeps,
): Promise<NewEvent | Undecided> {
  const { requestId, siteId, idempotencyKey, eventType, objectRef, mode } = event;
  const facts = { siteId, labels: labels.of(siteId), event_type: eventType, object_ref: objectRef, data };
  const matched = await matchInTime(facts, event.body.length > LARGE, deps);
  if ('undecided' in matched) return matched;
  return {
    request_id: requestId,
    site_id: siteId,
    idempotency_key: idempotencyKey,
    event_type: eventType,
    object_ref: objectRef,
    occurred_at: occurredAt,
    received_at: new Date(event.receivedAtMs).toISOString(),
    mode,
    fingerprint,
    traceparent,
    sealed_body: isSealedBody(event.body)
      ? Buffer.from(event.body).toString('latin1')
      : keyring.seal(event.body, eventBodyContext(requestId)),
    runs: matched.map(({ name, steps, modeFor, version }) => ({
      run_id: runId(requestId, name),
      automation: name,
      version,
      isDry: mode === 'dry_run' || modeFor(siteId) === 'dry_run',
      steps: steps.map(({ name: step, type, vendor }, position) => ({ position, name: step, type, vendor })),
    })),
  };
}

const LARGE = 65_536;
/** Many events come in one turn of the event loop, and only one condition may take long. */
const [FIRST_MS, LATER_MS] = [10, 1];
let isTurnSpent = false;
function spendTurn(): void {
  if (isTurnSpent) return;
  isTurnSpent = true;
  setImmediate(() => {
    isTurnSpent = false;
  });
}

async function matchInTime(
  facts: Matchable,
  isLarge: boolean,
  { automations, judge }: Pick<NewEventDeps, 'automations' | 'judge'>,
): Promise<Automation[] | Undecided> {
  // A pattern cannot be interrupted on a long text.
  const untilMs = isLarge ? 0 : performance.now() + (isTurnSpent ? LATER_MS : FIRST_MS);
  const { matched, undecided } = matching(automations, facts, untilMs);
  if (undecided.length === 0) return matched;
  spendTurn();
  const { data, ...event } = facts;
  const json = JSON.stringify(data);
  const judged = await Promise.all(undecided.map(({ when }) => judge({ when: String(when), event, json })));
  const tooSlow = undecided.filter((_, index) => judged[index] === undefined);
  if (tooSlow.length > 0) return { undecided: tooSlow.map(({ name }) => name) };
  return [...matched, ...undecided.filter((_, index) => judged[index] === true)];
}

/**
 * An event without a sender's content, of the same site, kind, times and automations: a database may refuse some of
 * these (a missing partition, say) without any event's fault.
 */
export function canaryOf(event: NewEvent): NewEvent {
  return {
    ...event,
    request_id: randomUUID(),
    idempotency_key: randomUUID(),
    object_ref: 'canary',
    fingerprint: 'canary',
    traceparent: null,
    sealed_body: 'canary',
    runs: event.runs.map((run) => ({ ...run, run_id: randomUUID() })),
  };
}
