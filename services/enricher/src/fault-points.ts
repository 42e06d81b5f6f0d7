import { channel } from 'node:diagnostics_channel';

/**
 * Moments at which a process may die without harm; `tests/slow/kills.test.ts` kills one at each. Without effect in
 * production: docs/decisions/0073-fault-points.md.
 */
export const FAULT_POINTS = [
  'event.delivered',
  /** Its message is not acknowledged. */
  'event.stored',
  'run.claimed',
  /** The most that a model's call may cost is reserved. */
  'call.reserved',
  'call.sending',
  /** Nothing of the answer is stored. */
  'call.answered',
  /** The actual cost is stored; the step is not settled. */
  'spend.settled',
  /** The step's outcome is not stored. */
  'step.settling',
  /** Nothing is published, and no next step begun. */
  'step.settled',
  /** The failed run's result is not published. */
  'letter.published',
  /** The failed run's result is published but not marked so. */
  'result.published',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

const CHANNELS = new Map(FAULT_POINTS.map((point) => [point, channel(`pressferry:${point}`)]));

/** Notifies subscribers synchronously; without any, it takes a few nanoseconds. */
export function reached(point: FaultPoint): void {
  const told = CHANNELS.get(point);
  if (told?.hasSubscribers === true) told.publish(point);
}
