import { setTimeout as delay } from 'node:timers/promises';
import { createLanes, createWake, type Floors, inTurns, type Lanes, type Look } from '@pressferry/worker';
import type { Vendor } from '../automations/vendors.ts';
import type { Claim, ClaimedRun } from '../db/claim-runs.ts';
import type { CallOutcome } from '../model.ts';
import type { VendorState } from '../vendor-metrics.ts';
import { type Admission, type Block, createAdmission } from '../vendors/admission.ts';
import type { RatedClaim } from '../vendors/rates.ts';
import { servedBy } from './served.ts';

/** Reserved for a run that is being stored: it begins at once, or the place is given up. */
export interface Place {
  begin: (run: ClaimedRun) => void;
  giveUp: () => void;
}

/** Claims the runs whose next step is one vendor's. */
export interface Pool {
  vendor: Vendor;
  admission: Admission;
  /** The site has a due run: claims at once. */
  kick: (siteId: string) => void;
  hasRoom: () => void;
  /** Null if there is no place, or if older runs of the site wait; of scarce ones, few are for sites without runs here. */
  reserve: (siteId: string) => Place | null;
  /** Works until `signal` is aborted and the steps in flight are settled. */
  run: (signal: AbortSignal) => Promise<void>;
}

/** Reports how a vendor call ended; tells whether it only probed a vendor that did not answer. */
export type Called = (outcome: CallOutcome) => { isProbe: boolean };

export interface PoolDeps {
  perSite: number;
  pollMs: number;
  leaseMs: number;
  /** Finds the vendor's lanes, other processes' too, the known ones from their floors. */
  look: (vendor: Vendor, from: Floors) => Promise<Look>;
  claim: (vendor: Vendor, claim: Omit<Claim, 'takeOverUntil'>) => Promise<RatedClaim<ClaimedRun>>;
  /** Takes the run's next step until it is settled; never rejects. Call `called` with the vendor call's outcome. */
  work: (run: ClaimedRun, vendor: Vendor, called: Called) => Promise<void>;
  /** For other processes, and vendors with the same credential. */
  onBlock: (vendor: Vendor, block: Block | null) => void;
  /** False while outcomes cannot be stored. */
  isReady: () => boolean;
  untilReady: (signal: AbortSignal) => Promise<void>;
  onError: (error: unknown) => void;
}

/** `isCut`: the vendor's limits left no room for more. */
interface Round {
  taken: number;
  isCut: boolean;
}

// One claim serves all ends that come together.
const MIN_CLAIM_INTERVAL_MS = 5;
/** While claims follow each other, other processes' lanes are looked for so often. */
const LEAST_LOOK_PAUSE_MS = 100;
/** The most lanes that one statement reads. */
const MOST_LANES = 200;
/** Calls shorter than this on average return a borrowed place before anyone waits for it. */
const QUICK_MS = 1_000;
/** The share of places that claims leave to new runs while twice as many are free; no more pass runs that wait. */
const SPARE_SHARE = 1 / 16;
/** The share of places that one site may borrow up to. */
const BORROWED_SHARE = 0.75;

/** A vendor's bulkhead: a slow or dead vendor delays only its own runs. */
export const createPool = (vendor: Vendor, deps: PoolDeps): Pool => new VendorPool(vendor, deps);

export const stateOf = ({ vendor, admission }: Pool): VendorState => ({
  name: vendor.name,
  inFlight: admission.inFlight(),
  breaker: admission.state(performance.now()),
  blockedBy: admission.blockedBy(performance.now()),
});

class VendorPool implements Pool {
  readonly vendor: Vendor;
  readonly admission: Admission;
  readonly #deps: PoolDeps;
  readonly #wake = createWake();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #bySite = new Map<string, number>();
  readonly #lanes: Lanes;
  readonly #spareMost: number;
  #looking: Promise<void> | undefined;
  /** The last site served; the turn continues after it. */
  #afterSite = '';
  #reserved = 0;
  /** Places taken by new runs while others waited. */
  #early = 0;
  #asked = 0;
  #meanMs = 0;
  /** Sites with a due run, as reported since the last claim. */
  #waiting = new Set<string>();
  /** The sites that were waiting when the claim under way began. */
  #sought = new Set<string>();
  /** The last claim was full: others may wait, and come before new runs. */
  #isScarce = true;
  #isRunning = false;

  constructor(vendor: Vendor, deps: PoolDeps) {
    this.vendor = vendor;
    this.admission = createAdmission(vendor, (block) => deps.onBlock(vendor, block));
    this.#deps = deps;
    this.#spareMost = vendor.rate === undefined ? Math.floor(vendor.maxConcurrency * SPARE_SHARE) : 0;
    this.#lanes = createLanes({ leastPauseMs: Math.min(LEAST_LOOK_PAUSE_MS, deps.pollMs) });
  }

  kick = (siteId: string): void => {
    this.#waiting.add(siteId);
    this.#lanes.tell(siteId);
    this.#wake.kick();
  };

  hasRoom = (): void => {
    this.admission.rest(0);
    if (this.#isBehind()) this.#wake.kick();
  };

  reserve(siteId: string): Place | null {
    // Under limits over all replicas only a claim gives a place.
    if (this.vendor.rate !== undefined) return null;
    const isFree = this.#isRunning && this.#deps.isReady() && this.#free() > 0;
    const isEarly = this.#isScarce;
    if (isEarly && (this.#bySite.has(siteId) || this.#early >= this.#spareMost)) return null;
    const isBehind = this.#waiting.has(siteId) || this.#sought.has(siteId);
    if (!isFree || isBehind || this.#isFull(siteId)) return null;
    this.#reserved++;
    if (isEarly) this.#early++;
    this.#count(siteId, 1);
    let isOpen = true;
    const close = (): boolean => {
      if (!isOpen) return false;
      isOpen = false;
      this.#reserved--;
      this.#count(siteId, -1);
      return true;
    };
    const end = (): void => void (isEarly && this.#early--);
    return { begin: (run) => void (close() && this.#begin(run, end)), giveUp: () => void (close() && end()) };
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.untilReady(signal);
      if (!signal.aborted && this.#lanes.isLookDue(performance.now())) this.#looking = this.#look();
      if (!this.#lanes.isKnown()) await this.#looking;
      const free = signal.aborted ? 0 : this.#free();
      try {
        if (free > 0 && this.#lanes.isKnown()) {
          await this.#claim(free - this.#spare(free));
          this.#isRunning = true;
        }
      } catch (error) {
        this.#deps.onError(error);
      }
      if (signal.aborted) break;
      await this.#wake.wait(this.#waitMs(), signal);
      await delay(MIN_CLAIM_INTERVAL_MS);
    }
    this.#isRunning = false;
    await this.#looking;
    while (this.#inFlight.size > 0 || this.#reserved > 0) {
      await (this.#inFlight.size > 0 ? Promise.all(this.#inFlight) : delay(MIN_CLAIM_INTERVAL_MS));
    }
  }

  /** Claims go on meanwhile. */
  async #look(): Promise<void> {
    const { from, end } = this.#lanes.beginLook(performance.now());
    try {
      const found = await this.#deps.look(this.vendor, from);
      end(performance.now(), found);
      if (found.floors.size > found.idle.size) this.#wake.kick();
    } catch (error) {
      end(performance.now());
      this.#deps.onError(error);
    }
  }

  #free(): number {
    return this.admission.free(performance.now()) - this.#reserved - this.#asked;
  }

  #spare(free: number): number {
    return free > 2 * this.#spareMost ? this.#spareMost : 0;
  }

  #isBehind(): boolean {
    return this.#isScarce || this.#waiting.size > 0;
  }

  #isFull(siteId: string): boolean {
    return (this.#bySite.get(siteId) ?? 0) >= Math.max(this.#deps.perSite, this.#borrowable());
  }

  /** The most runs of one site while no one else needs their places. */
  #borrowable(): number {
    return this.#meanMs > QUICK_MS ? this.#deps.perSite : Math.floor(this.vendor.maxConcurrency * BORROWED_SHARE);
  }

  /** Claims up to `limit` runs: first each site's share, then the rest for sites that have more. */
  async #claim(limit: number): Promise<void> {
    const { perSite } = this.#deps;
    this.#sought = this.#waiting;
    this.#waiting = new Set();
    this.#asked = limit;
    try {
      let { isCut } = await this.#claimRound(limit, perSite);
      const hasFull = [...this.#bySite.values()].some((count) => count >= perSite);
      if (this.#asked > 0 && !isCut && hasFull && this.#borrowable() > perSite)
        ({ isCut } = await this.#claimRound(this.#asked, this.#borrowable()));
      const isUsedUp = this.#asked === 0;
      this.#isScarce = isCut || isUsedUp;
      for (const siteId of this.#sought) if (this.#isScarce || this.#isFull(siteId)) this.#waiting.add(siteId);
      // Now the spare places may be used, too.
      if (isUsedUp && this.#free() > 0) this.#wake.kick();
    } catch (error) {
      for (const siteId of this.#sought) this.#waiting.add(siteId);
      throw error;
    } finally {
      this.#asked = 0;
      this.#sought = new Set();
    }
  }

  /** Begins after the site that was served last. */
  async #claimRound(limit: number, perSite: number): Promise<Round> {
    const siteIds = this.#lanes.after(this.#afterSite);
    let taken = 0;
    for (let from = 0; from < siteIds.length && taken < limit; from += MOST_LANES) {
      const round = await this.#claimOf(siteIds.slice(from, from + MOST_LANES), limit - taken, perSite);
      taken += round.taken;
      if (round.isCut) return { taken, isCut: true };
    }
    return { taken, isCut: false };
  }

  async #claimOf(siteIds: readonly string[], limit: number, perSite: number): Promise<Round> {
    const lanes = siteIds.flatMap((siteId) => {
      const quota = perSite - (this.#bySite.get(siteId) ?? 0);
      return quota > 0 ? [{ siteId, floor: this.#lanes.floorOf(siteId), quota }] : [];
    });
    if (lanes.length === 0) return { taken: 0, isCut: false };
    const { leaseMs } = this.#deps;
    const { runs, allowed, waitMs } = await this.#deps.claim(this.vendor, {
      ...{ vendor: this.vendor.name, limit, leaseMs, lanes },
    });
    for (const run of inTurns(runs, ({ site_id }) => site_id)) this.#begin(run);
    this.#asked -= runs.length;
    const isFull = runs.length === allowed;
    const { emptied, last } = servedBy(lanes, runs, isFull);
    this.#afterSite = last ?? this.#afterSite;
    for (const siteId of emptied) this.#sought.delete(siteId);
    const isCut = allowed < limit && isFull;
    if (isCut && waitMs !== null) this.admission.rest(performance.now() + waitMs);
    return { taken: runs.length, isCut };
  }

  #begin(run: ClaimedRun, ended: () => void = () => undefined): void {
    const { leave, isProbe } = this.admission.enter(run.run_id, performance.now());
    const begunAtMs = performance.now();
    this.#count(run.site_id, 1);
    let isOut = false;
    /** The place is free when the call has ended, before its outcome is stored. */
    const free: Called = (outcome) => {
      if (isOut) return { isProbe };
      isOut = true;
      this.#meanMs += (performance.now() - begunAtMs - this.#meanMs) / 8;
      leave(outcome, performance.now());
      ended();
      const wasFull = (this.#bySite.get(run.site_id) ?? 0) >= this.#deps.perSite;
      this.#count(run.site_id, -1);
      if (this.#isBehind() || wasFull) this.#wake.kick();
      return { isProbe };
    };
    const work = this.#deps.work(run, this.vendor, free).finally(() => {
      free({ kind: 'abandoned' });
      this.#inFlight.delete(work);
    });
    this.#inFlight.add(work);
  }

  #count(siteId: string, change: 1 | -1): void {
    const count = (this.#bySite.get(siteId) ?? 0) + change;
    if (count === 0) this.#bySite.delete(siteId);
    else this.#bySite.set(siteId, count);
  }

  #waitMs(): number {
    const { pollMs } = this.#deps;
    const untilOpenMs = this.admission.opensAtMs(performance.now()) - performance.now();
    return untilOpenMs > 0 ? Math.min(pollMs, untilOpenMs + 1) : pollMs;
  }
}
