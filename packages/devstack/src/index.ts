export { followObject } from './demo/follow.ts';
export { type Demo, type DemoOptions, startDemo } from './demo/start.ts';
export { createReporter, type Reporter } from './output/reporter.ts';
export { CACHE_DIR } from './paths.ts';
export { createCheckoutProgram } from './program.ts';
export type { StackFile, StackSite } from './stack/file.ts';
export { type Stack, type StackOptions, startStack } from './stack/stack.ts';
