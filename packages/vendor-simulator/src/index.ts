export { buildVendorSimulator, type SimulatorApp } from './app.ts';
export { type Behaviour, type Behaviours, behavioursSchema } from './behaviours.ts';
export { ENDPOINTS, type Endpoint } from './endpoints.ts';
export type { CallOutcome, LedgerEntry, LedgerFilter, LedgerView } from './ledger.ts';
export { startVendorSimulator, type VendorSimulator } from './start.ts';
