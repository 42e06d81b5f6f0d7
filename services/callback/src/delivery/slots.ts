/** An attempt in flight, as far as slots are concerned. */
export interface InFlight {
  siteId: string;
  /** Its site had acknowledged last time when it began. */
  isProven: boolean;
  /** It has waited so long for its answer that its slot is given to another. */
  isSlow: boolean;
}

export interface SlotSettings {
  /** Attempts in flight at once, except for the slow ones. */
  quick: number;
  /** Attempts outside the slots, which wait for a slow answer. */
  slow: number;
}

export interface Slots {
  free: number;
  /** Slots that attempts at sites not proven hold. */
  unprovenHeld: number;
  /** Attempts in flight by site, slow ones too. */
  bySite: ReadonlyMap<string, number>;
}

/** Of the room for slow attempts, what sites that are not proven may take: a proven site that slows down finds the rest. */
const UNPROVEN_SLOW_SHARE = 3 / 4;

/**
 * Counts the slots. An attempt that is slow gives its slot back and waits outside the slots; if there is no room left there, it keeps its slot.
 * So an endpoint that hangs costs the others a slot for a moment, not for its time-out.
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
