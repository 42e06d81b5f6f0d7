import { workerData } from 'node:worker_threads';
import { type Done, doJob, type Job, jobDeps, type KeyMissing, type OverLimits } from './jobs.ts';
import { onOwnThread } from './limits.ts';

const { sealingKeys } = workerData as { sealingKeys: string };
const deps = jobDeps(sealingKeys, true);

/** Piscina calls it. */
export default ({ job, secrets }: { job: Job; secrets: string[] }): Done[Job['kind']] | OverLimits | KeyMissing =>
  doJob(job, onOwnThread(), { ...deps, secrets });
