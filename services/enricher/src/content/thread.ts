import { workerData } from 'node:worker_threads';
import { type Done, doJob, type Job, jobDeps, type KeyMissing, type OverLimits } from './jobs.ts';
import { OWN_THREAD } from './limits.ts';
import { unlessStarved } from './starved.ts';

const { sealingKeys } = workerData as { sealingKeys: string };
const deps = jobDeps(sealingKeys, true);

/** Piscina calls it. */
export default ({ job, secrets }: { job: Job; secrets: string[] }): Done[Job['kind']] | OverLimits | KeyMissing =>
  unlessStarved(OWN_THREAD.ms, () => doJob(job, OWN_THREAD.limits(), { ...deps, secrets }));
