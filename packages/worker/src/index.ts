export * from './dead-letters.ts';
export * from './health.ts';
export * from './loop.ts';
export * from './sql-faults.ts';
