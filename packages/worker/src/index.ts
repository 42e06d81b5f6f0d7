export * from './backoff.ts';
export * from './batcher.ts';
export * from './dead-letters.ts';
export * from './health.ts';
export * from './leases.ts';
export * from './loop.ts';
export * from './retry-after.ts';
export * from './sql-faults.ts';
