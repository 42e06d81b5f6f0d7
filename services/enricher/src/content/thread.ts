import { workerData } from 'node:worker_threads';
import { type Done, doJob, type Job, jobDeps, type KeyMissing, type OverLimits } from './jobs.ts';
import { onOwnThread } from './limits.ts';

const { sealingKeys, secrets } = workerData as { sealingKeys: string; secrets: string[] };
const deps = jobDeps(sealingKeys, secrets, true);

/** Does a job on its own thread; Piscina calls it. */
export default (job: Job): Done[Job['kind']] | OverLimits | KeyMissing => doJob(job, onOwnThread(), deps);
