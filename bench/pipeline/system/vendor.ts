// The vendor, in its own process: answers after a fixed time and keeps a ledger of its calls.
import { writeFileSync } from 'node:fs';
import { startVendor } from '@pressferry/testing/journey';
import { monotonicMs } from '../../ingress/load/clock.ts';

/** Writes the calls since the last taking to a file. */
export interface VendorOrder {
  file: string;
}

const [latency = '5'] = process.argv.slice(2);
let taken = 0;
const vendor = await startVendor({ now: monotonicMs, latencyMs: () => Number(latency) });
process.on('message', ({ file }: VendorOrder) => {
  writeFileSync(file, JSON.stringify(vendor.calls.slice(taken)));
  taken = vendor.calls.length;
  process.send?.({ count: taken });
});
process.on('disconnect', () => process.exit());
process.send?.({ url: vendor.url });
