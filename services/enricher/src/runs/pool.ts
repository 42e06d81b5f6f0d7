import { createWake } from '@pressferry/worker';
import type { Vendor } from '../automations/vendors.ts';
import type { Claim, ClaimedRun } from '../db/claim-runs.ts';
import { createGate, type Gate } from '../vendors/gate.ts';
import type { CallOutcome } from '../vendors/outcome.ts';

/** The worker of one vendor: it claims the runs whose next step is that vendor's, and no others. */
export interface Pool {
  vendor: Vendor;
  gate: Gate;
  /** Looks for due runs at once. */
  kick: () => void;
  /** Works until `signal` is aborted, and then until the steps in hand are settled. */
  run: (signal: AbortSignal) => Promise<void>;
}

export interface PoolDeps {
  perSite: number;
  pollMs: number;
  leaseMs: number;
  claim: (claim: Omit<Claim, 'takeLost'>) => Promise<ClaimedRun[]>;
  /** Takes the run's next step to its settling; never rejects. `called` is to be told how the vendor call ended, if there was one. */
  work: (run: ClaimedRun, vendor: Vendor, called: (outcome: CallOutcome) => void) => Promise<void>;
  /** Awaited before a claim. */
  untilReady: (signal: AbortSignal) => Promise<void>;
  onError: (error: unknown) => void;
}

// Ends that fall together are answered with one claim.
const MIN_CLAIM_INTERVAL_MS = 5;

/** Makes a vendor's pool: as many steps in hand as its gate lets through, so that a slow or dead vendor holds only its own runs. */
export function createPool(vendor: Vendor, deps: PoolDeps): Pool {
  const gate = createGate(vendor);
  const wake = createWake();
  const inHand = new Set<Promise<void>>();
  const bySite = new Map<string, number>();
  let afterSite = '';

  const begin = (run: ClaimedRun): void => {
    const leave = gate.enter();
    let outcome: CallOutcome = { kind: 'abandoned' };
    bySite.set(run.site_id, (bySite.get(run.site_id) ?? 0) + 1);
    const work = deps
      .work(run, vendor, (ended) => {
        outcome = ended;
      })
      .finally(() => {
        leave(outcome, Date.now());
        const left = (bySite.get(run.site_id) ?? 1) - 1;
        if (left === 0) bySite.delete(run.site_id);
        else bySite.set(run.site_id, left);
        inHand.delete(work);
        wake.kick();
      });
    inHand.add(work);
  };

  /** Claims up to `free` runs, from the site after the last one served and around. */
  const claim = async (free: number): Promise<void> => {
    const startedAfter = afterSite;
    const first = await claimAfter(startedAfter, free);
    if (startedAfter !== '' && first < free) await claimAfter('', free - first);
  };
  const claimAfter = async (site: string, limit: number): Promise<number> => {
    const runs = await deps.claim({
      vendor: vendor.name,
      limit,
      leaseMs: deps.leaseMs,
      perSite: deps.perSite,
      inHandBySite: Object.fromEntries(bySite),
      afterSite: site,
    });
    for (const run of runs) begin(run);
    // A full claim leaves sites behind it unserved: the next one begins there.
    afterSite = runs.length === limit ? (runs.at(-1)?.site_id ?? '') : '';
    return runs.length;
  };

  return {
    vendor,
    gate,
    kick: wake.kick,
    run: async (signal) => {
      while (!signal.aborted) {
        await deps.untilReady(signal);
        const free = signal.aborted ? 0 : gate.free(Date.now());
        try {
          if (free > 0) await claim(free);
        } catch (error) {
          deps.onError(error);
        }
        if (signal.aborted) break;
        await wake.wait(waitMs(gate, deps.pollMs), signal);
        await new Promise((resolve) => setTimeout(resolve, MIN_CLAIM_INTERVAL_MS));
      }
      await Promise.all(inHand);
    },
  };
}

function waitMs(gate: Gate, pollMs: number): number {
  const untilOpenMs = gate.opensAtMs() - Date.now();
  return untilOpenMs > 0 ? Math.min(pollMs, untilOpenMs + 1) : pollMs;
}
