import type { Declare } from '@pressferry/runtime';
import type { BreakerState } from '@pressferry/worker';
import { BLOCK_CAUSES, type BlockCause, RATE_LIMITS, type RateLimit } from './model.ts';

export interface VendorState {
  name: string;
  inFlight: number;
  breaker: BreakerState;
  blockedBy: BlockCause | null;
}

/** How much of a vendor's limit all replicas use. */
export interface RateUse {
  vendor: string;
  limit: RateLimit;
  ratio: number;
}

const BREAKER_VALUE: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 };

export function declareVendors({ gauge }: Declare, vendors: () => VendorState[]): void {
  gauge('calls_in_hand', 'Vendor calls running in this process', ['vendor'], (it) => {
    for (const { name: vendor, inFlight } of vendors()) it.set({ vendor }, inFlight);
  });
  gauge('vendor_breaker_state', '0 closed, 1 half open, 2 open, in this process', ['vendor'], (it) => {
    for (const { name: vendor, breaker } of vendors()) it.set({ vendor }, BREAKER_VALUE[breaker]);
  });
  gauge(
    'vendor_blocked',
    '1 while nothing is begun at a vendor: it asked to wait (limited), does not answer (unavailable), or refuses the credential (denied)',
    ['vendor', 'cause'],
    (it) => {
      for (const { name: vendor, blockedBy } of vendors())
        for (const cause of BLOCK_CAUSES) it.set({ vendor, cause }, Number(cause === blockedBy));
    },
  );
}

export function declareRates(
  { counter, gauge }: Declare,
  rates: () => RateUse[],
): { rateWait: (limit: RateLimit) => void } {
  const help = "Times that due calls waited for room under their vendor's rate, by limit";
  const waits = counter('rate_waits_total', help, { limit: RATE_LIMITS });
  gauge(
    'vendor_rate_used_ratio',
    "Share of a vendor's rate that all replicas use, when this process looked last",
    ['vendor', 'limit'],
    (it) => {
      for (const { vendor, limit, ratio } of rates()) it.set({ vendor, limit }, ratio);
    },
  );
  return { rateWait: (limit) => waits.inc({ limit }) };
}
