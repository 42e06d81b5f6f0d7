import { openLab } from '../lab.ts';
import { openMeter } from '../measure/postgres.ts';
import type { PipelineOptions } from '../options.ts';
import { measureWhole, measureWindow, type Phase } from '../phase.ts';
import { startSubject, type Variant } from '../subject.ts';

/** Throughput while a foreign transaction stays open, so no dead row can be removed, next to a stack without one. */
export interface Pinned {
  variant: string;
  free: Phase;
  pinned: Phase;
}

const SITES = 40;
const MEASURED_SECONDS = 15;
const CHUNK_SECONDS = 40;
/** Of the journeys that can be on their way in the time. */
const MOST_PER_SECOND = 900;

/** Loads a stack for so long, the last 15 s measured, once with and once without an open transaction that has an id. */
export async function measurePinned(
  variant: Variant,
  { pinnedSeconds, window, warmUp }: PipelineOptions,
): Promise<Pinned> {
  const run = async (name: string, isPinned: boolean): Promise<Phase> => {
    await using lab = await openLab({ sites: SITES, vendorMs: 5 });
    await using subject = await startSubject({ shape: { sites: SITES, replicas: 1, syncAlways: false }, variant, lab });
    await measureWhole(subject, 'warm-up', await lab.sign(warmUp), { kind: 'burst' });
    await using holder = await openMeter(subject.stack.postgres.url);
    if (isPinned) await holder.query('begin; select pg_current_xact_id()');
    const load = async (rampSeconds: number, seconds: number): Promise<Phase> => {
      const pool = await lab.sign(MOST_PER_SECOND * (rampSeconds + seconds));
      return measureWindow(subject, name, { pool, window, rampSeconds, seconds });
    };
    // Signatures do not keep.
    for (let left = pinnedSeconds - MEASURED_SECONDS; left > 0; left -= CHUNK_SECONDS)
      await load(1, Math.min(left, CHUNK_SECONDS));
    return await load(3, MEASURED_SECONDS);
  };
  return { variant: variant.name, free: await run('free', false), pinned: await run('pinned', true) };
}
