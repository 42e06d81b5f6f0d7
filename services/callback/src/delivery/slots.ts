export interface InFlight {
  siteId: string;
  isProven: boolean;
  /** It waited so long that its slot was given to another. */
  isSlow: boolean;
}

export interface SlotSettings {
  /** Bound of attempts in flight, without slow ones. */
  quick: number;
  /** Bound of slow attempts, which are outside the slots. */
  slow: number;
}

export interface Slots {
  free: number;
  unprovenHeld: number;
  /** Slow ones included. */
  bySite: ReadonlyMap<string, number>;
}

/** Unproven sites' share of the room for slow attempts; the rest is for proven sites that slow down. */
const UNPROVEN_SLOW_SHARE = 3 / 4;

/**
 * A slow attempt gives its slot back and waits outside the slots, if there is room; else it keeps its slot. So a
 * hanging endpoint costs the others a slot for a moment, not for its timeout.
 */
export function countSlots(inFlight: Iterable<InFlight>, settings: SlotSettings): Slots {
  const bySite = new Map<string, number>();
  const slow = { proven: 0, unproven: 0 };
  const all = { proven: 0, unproven: 0 };
  for (const { siteId, isProven, isSlow } of inFlight) {
    bySite.set(siteId, (bySite.get(siteId) ?? 0) + 1);
    const group = isProven ? 'proven' : 'unproven';
    all[group]++;
    if (isSlow) slow[group]++;
  }
  const unprovenBeside = Math.min(slow.unproven, Math.floor(settings.slow * UNPROVEN_SLOW_SHARE));
  const provenBeside = Math.min(slow.proven, settings.slow - unprovenBeside);
  const unprovenHeld = all.unproven - unprovenBeside;
  return { free: Math.max(0, settings.quick - unprovenHeld - (all.proven - provenBeside)), unprovenHeld, bySite };
}
