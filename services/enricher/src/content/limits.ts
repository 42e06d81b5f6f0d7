import type { RenderLimits } from '../automations/template.ts';

/** On the main thread: 64 K characters take a few milliseconds. */
export const INLINE = {
  characters: 65_536,
  ms: 50,
  limits: (): RenderLimits => ({ untilMs: performance.now() + INLINE.ms, characters: 4_000_000 }),
};

/** On a separate thread, which is ended at the limit: a single filter cannot be interrupted otherwise. */
export const OWN_THREAD = {
  ms: 3_000,
  limits: (): RenderLimits => ({ untilMs: performance.now() + OWN_THREAD.ms, characters: 50_000_000 }),
};
export const THREAD_MS = { prepare: 30_000, http: 30_000, llm: 30_000, result: 30_000, condition: 10_000 };
