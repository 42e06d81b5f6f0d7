import { OWN_STEPS } from '../model.ts';
import type { Vendor } from './vendors.ts';

/** Gives enricher's own work a pool like a vendor's. */
export const ownVendor = (name: string, maxConcurrency: number): Vendor => ({
  ...{ name, kind: 'http', baseUrl: 'https://own.invalid', auth: undefined, rate: undefined },
  ...{ timeoutMs: 1_000, maxConcurrency, breaker: { failures: 5, openMs: 1_000 } },
  retry: { maxAttempts: 5, baseMs: 100, capMs: 1_000, forMs: 60_000, waitMs: 60_000, holdMs: 60_000 },
});

export const STEPS_VENDOR = ownVendor(OWN_STEPS, 16);
