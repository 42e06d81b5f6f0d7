export { followObject } from './demo/follow.ts';
export { type Demo, type DemoOptions, startDemo } from './demo/start.ts';
export { findEvents, isSettled, readTimeline, shortcoming, type Timeline } from './demo/timeline.ts';
export { createReporter, type Reporter } from './output/reporter.ts';
export { CACHE_DIR } from './paths.ts';
export { createProgram } from './program.ts';
export type { StackFile, StackSite } from './stack/file.ts';
export { type Stack, type StackOptions, startStack } from './stack/stack.ts';
