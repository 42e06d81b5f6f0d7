import { availableParallelism } from 'node:os';
import { SealingKeyMissing } from '@pressferry/runtime';
import { Piscina } from 'piscina';
import { type Done, doJob, type Job, jobDeps, jobSize, type KeyMissing, type OverLimits } from './jobs.ts';
import { INLINE, THREAD_MS } from './limits.ts';
import { unlessStarved } from './starved.ts';

/** Renders, reads answers and makes results: work that grows with its content. */
export interface Content extends AsyncDisposable {
  /** Throws if a sealed text does not open, or on a bug. */
  do: <K extends Job['kind']>(job: Extract<Job, { kind: K }>) => Promise<Done[K]>;
}

export interface ContentOptions {
  sealingKeys: string;
  /** The vendors' own, now. */
  secrets: () => readonly string[];
}

/** For a job that its thread did not survive. */
const TOO_MUCH = {
  prepare: { kind: 'failed', code: 'template_failed', detail: 'the rendering takes too long or too much' },
  result: { kind: 'failed', code: 'template_failed', detail: 'the rendering takes too long or too much' },
  http: { kind: 'failed', code: 'answer_too_large' },
  llm: { kind: 'failed', code: 'answer_too_large' },
  condition: { kind: 'undecided' },
} as const satisfies Done;

/**
 * Runs small jobs on this thread. Large jobs, and those that exceed this thread's limits, run on one of a few others,
 * so no content blocks the process. A thread that takes too long is ended, with its job.
 */
export function createContent({ sealingKeys, secrets }: ContentOptions): Content {
  const inline = jobDeps(sealingKeys, false);
  const count = Math.max(1, Math.min(4, availableParallelism() - 1));
  const pool = new Piscina({
    filename: new URL('./thread.ts', import.meta.url).href,
    workerData: { sealingKeys },
    minThreads: 0,
    maxThreads: count,
    idleTimeout: 30_000,
    // Below the main thread's priority.
    niceIncrement: 5,
    // Without the process's own arguments: a thread traces nothing.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const slots = createSlots(count);

  const onThread = async (job: Job): Promise<Done[Job['kind']] | OverLimits | KeyMissing> => {
    const leave = await slots.enter();
    try {
      return await pool.run({ job, secrets: secrets() }, { signal: AbortSignal.timeout(THREAD_MS[job.kind]) });
    } catch (error) {
      if (isThreadsEnd(error)) return TOO_MUCH[job.kind];
      throw error;
    } finally {
      leave();
    }
  };
  return {
    do: async (job) => {
      const isSmall = jobSize(job, inline.compiler) <= INLINE.characters;
      const doHere = () => doJob(job, INLINE.limits(), { ...inline, secrets: secrets() });
      const here = isSmall ? unlessStarved(INLINE.ms, doHere) : undefined;
      const done = here === undefined || here.kind === 'over_limits' ? await onThread(job) : here;
      if (done.kind === 'key_missing') throw new SealingKeyMissing(done.keyId);
      return (done.kind === 'over_limits' ? TOO_MUCH[job.kind] : done) as Done[typeof job.kind];
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

const isThreadsEnd = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' || ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'));

/** Lets `count` in at once, others in order: a job's time begins when it has a thread. */
function createSlots(count: number) {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    enter: async (): Promise<() => void> => {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return () => {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      };
    },
  };
}
