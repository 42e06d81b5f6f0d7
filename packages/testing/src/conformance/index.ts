export { type OutsideOptions, startOutside } from './outside.ts';
export type { Outside, Work, WorkerUnderTest } from './subject.ts';
export { testWorker } from './suite.ts';
