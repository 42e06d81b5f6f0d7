import { channel } from 'node:diagnostics_channel';

/** The moments of a decision at which the command may die without harm: docs/decisions/0073-fault-points.md. */
export const FAULT_POINTS = [
  /** The decision is written; its transaction is open. */
  'decision.storing',
  /** Postgres has it; the person is not told. */
  'decision.stored',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

const CHANNELS = new Map(FAULT_POINTS.map((point) => [point, channel(`pressferry:${point}`)]));

/** Tells subscribers, if there are any, before it returns. */
export function reached(point: FaultPoint): void {
  const told = CHANNELS.get(point);
  if (told?.hasSubscribers === true) told.publish(point);
}
