import { channel } from 'node:diagnostics_channel';

/** Moments at which the command may die without harm: docs/decisions/0073-fault-points.md. */
export const FAULT_POINTS = ['decision.storing', 'decision.stored'] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

const CHANNELS = new Map(FAULT_POINTS.map((point) => [point, channel(`pressferry:${point}`)]));

/** Notifies subscribers synchronously. */
export function reached(point: FaultPoint): void {
  const told = CHANNELS.get(point);
  if (told?.hasSubscribers === true) told.publish(point);
}
