export type { DatabaseHealth as DatabaseGate } from '@pressferry/worker';
