export { isAbort } from './abort.ts';
export { EXIT } from './commands/exit-codes.ts';
export { runCommand } from './commands/run.ts';
export { runInForeground } from './foreground.ts';
export { findRequestIds } from './operate/find-events.ts';
export { readStories } from './operate/story.ts';
export {
  findEvents,
  isSettled,
  readTimeline,
  shortcoming,
  type Timeline,
  type TimelineRun,
} from './operate/timeline.ts';
export { describeError } from './output/describe-error.ts';
export { writePrivately } from './output/private-file.ts';
export { createProgram } from './program.ts';
