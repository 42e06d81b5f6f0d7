import type { AddressInfo } from 'node:net';
import { buildVendorSimulator } from './app.ts';
import type { Behaviours } from './behaviours.ts';
import type { LedgerFilter, LedgerView } from './ledger.ts';

export interface VendorSimulator extends AsyncDisposable {
  readonly url: string;
  /** Replaces the named endpoints' lists; throws for invalid behaviours. */
  setBehaviours(behaviours: Behaviours): void;
  ledger(filter?: LedgerFilter): LedgerView;
  /** Forgets behaviours, ledger, stored answers and contacts. */
  reset(): void;
}

/** Port 0 takes a free one. */
export async function startVendorSimulator({ port = 0, host = '127.0.0.1' } = {}): Promise<VendorSimulator> {
  const { app, queues, ledger, reset } = buildVendorSimulator();
  await app.listen({ port, host });
  const address = app.server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    setBehaviours: (behaviours) => queues.set(behaviours),
    ledger: (filter) => ledger.view(filter),
    reset,
    [Symbol.asyncDispose]: () => app.close(),
  };
}
