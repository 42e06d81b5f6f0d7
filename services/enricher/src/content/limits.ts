import type { RenderLimits } from '../automations/template.ts';

/** What may be done on the thread that everything else waits for: 64 K characters take a few milliseconds. */
export const INLINE = {
  characters: 65_536,
  limits: (): RenderLimits => ({ untilMs: performance.now() + 50, characters: 4_000_000 }),
};

/** What may be done on its own thread, and when such a thread is ended: a single filter cannot be interrupted otherwise. */
export const onOwnThread = (): RenderLimits => ({ untilMs: performance.now() + 3_000, characters: 50_000_000 });
export const THREAD_MS = 30_000;
