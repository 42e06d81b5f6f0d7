import { channel } from 'node:diagnostics_channel';

/**
 * The moments of an event's and a run's life at which a process may die without harm; `tests/slow/kills.test.ts` kills one at
 * each. In production they do nothing: docs/decisions/0073-fault-points.md.
 */
export const FAULT_POINTS = [
  /** A message of EVENTS was delivered; nothing is stored. */
  'event.delivered',
  /** Postgres has the event; its message is not acknowledged. */
  'event.stored',
  /** A run is claimed, and its step begins. */
  'run.claimed',
  /** The most that a model's call may cost is reserved. */
  'call.reserved',
  /** The request is about to be sent. */
  'call.sending',
  /** The answer is there; nothing of it is stored. */
  'call.answered',
  /** What the call did cost is stored; the step is not settled. */
  'spend.settled',
  /** The step's outcome is known; it is not stored. */
  'step.settling',
  /** Postgres has it; nothing is published, and no next step begun. */
  'step.settled',
  /** The dead letter of a failed run is published; its result is not. */
  'letter.published',
  /** The result of a failed run is published; that is not noted. */
  'result.published',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

const CHANNELS = new Map(FAULT_POINTS.map((point) => [point, channel(`pressferry:${point}`)]));

/** Tells subscribers, if there are any, before it returns: a few nanoseconds if there are none. */
export function reached(point: FaultPoint): void {
  const told = CHANNELS.get(point);
  if (told?.hasSubscribers === true) told.publish(point);
}
