import { availableParallelism } from 'node:os';
import { SealingKeyMissing } from '@pressferry/runtime';
import { Piscina } from 'piscina';
import { type Done, doJob, type Job, jobDeps, jobSize, type KeyMissing, type OverLimits } from './jobs.ts';
import { INLINE, THREAD_MS } from './limits.ts';

/** Does what grows with the size of content: rendering, reading answers, making results. */
export interface Content extends AsyncDisposable {
  /** Throws if a sealed text does not open, or on a bug. */
  do: <K extends Job['kind']>(job: Extract<Job, { kind: K }>) => Promise<Done[K]>;
}

export interface ContentOptions {
  sealingKeys: string;
  /** The vendors' own, at this moment. */
  secrets: () => readonly string[];
}

/** What of a job its own thread did not survive. */
const TOO_MUCH = {
  prepare: { kind: 'failed', code: 'template_failed', detail: 'the rendering takes too long or too much' },
  result: { kind: 'failed', code: 'template_failed', detail: 'the rendering takes too long or too much' },
  http: { kind: 'failed', code: 'answer_too_large' },
  llm: { kind: 'failed', code: 'answer_too_large' },
} as const satisfies Done;

/**
 * Makes the place where content is worked on: small jobs at once, on this thread; large ones, and those that pass the limits of this
 * thread, on one of a few others, so no content holds up the rest of the process. A job that takes its own thread too long
 * ends with the thread.
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
    // Behind the thread that everything else waits for.
    niceIncrement: 5,
    // Not the process's own: a thread traces nothing.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const slots = createSlots(count);

  const onThread = async (job: Job): Promise<Done[Job['kind']] | OverLimits | KeyMissing> => {
    const leave = await slots.enter();
    try {
      return await pool.run({ job, secrets: secrets() }, { signal: AbortSignal.timeout(THREAD_MS) });
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
      const here = isSmall ? doJob(job, INLINE.limits(), { ...inline, secrets: secrets() }) : undefined;
      const done = here === undefined || here.kind === 'over_limits' ? await onThread(job) : here;
      if (done.kind === 'key_missing') throw new SealingKeyMissing(done.keyId);
      return (done.kind === 'over_limits' ? TOO_MUCH[job.kind] : done) as Done[typeof job.kind];
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

/** The thread was ended, by its time or by its memory. */
const isThreadsEnd = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' || ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'));

/** Lets `count` in at once, the others in the order in which they came: a job's time begins when it has a thread. */
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
