import { Worker } from 'node:worker_threads';
import { type Percentiles, percentiles } from '../measure/statistics.ts';
import { openClient } from './client.ts';
import { monotonicMs } from './clock.ts';
import type { Span } from './closed-loop.ts';
import type { Job, Plan } from './plan.ts';

/**
 * How long an open loop runs before latencies count, because connections are new and an idle server is cold. Answers
 * count from the first.
 */
export const RAMP_SECONDS = 1;

/** Ramp included. */
export const arrivalsIn = ({ seconds, ratePerSecond }: { seconds: number; ratePerSecond: number }): number =>
  Math.max(1, Math.floor((seconds + RAMP_SECONDS) * ratePerSecond));

interface Due {
  job: Job;
  intendedMs: number;
}

/**
 * Sends at random moments (a Poisson process), whether answers come or not. Latency counts from the intended moment, so
 * a stalled server is charged for all who wait. `lagMs` is how late the generator woke up; waiting for a free
 * connection counts as latency only.
 */
export async function runOpenLoop(
  plan: Plan,
  options: { ports: readonly number[]; connections: number; seconds: number; ratePerSecond: number },
): Promise<Span & { lagMs: Percentiles }> {
  const { ports, connections } = options;
  const arrivals = poissonArrivals(options);
  const lags: number[] = [];
  const queue: Due[] = [];
  const idle: ((due: Due) => void)[] = [];
  let left = arrivals.length;
  let head = 0;
  let countedFromMs = Number.POSITIVE_INFINITY;
  const finished = Promise.withResolvers<void>();

  for (let number = 0; number < connections; number++) {
    let current: Due | null = null;
    const client = openClient(ports[number % ports.length] ?? 0, (status, body) => {
      if (current !== null) {
        const isCounted = current.intendedMs >= countedFromMs;
        plan.record(current.job, status, body, isCounted ? monotonicMs() - current.intendedMs : null);
      }
      current = null;
      if (--left === 0) finished.resolve();
      const waiting = queue[head];
      if (waiting === undefined) return void idle.push(start);
      head++;
      start(waiting);
    });
    const start = (due: Due): void => {
      current = due;
      client.send(due.job.bytes);
    };
    idle.push(start);
    void finished.promise.then(() => client.destroy());
  }

  const pacer = new Worker(new URL('./pacer.ts', import.meta.url), { workerData: arrivals });
  // The pacer says when it is up; time begins a little later.
  await new Promise((resolve) => pacer.once('message', resolve));
  const startMs = monotonicMs() + 20;
  countedFromMs = startMs + RAMP_SECONDS * 1000;
  let next = 0;
  pacer.on('message', () => {
    const nowMs = monotonicMs();
    for (; next < arrivals.length && startMs + (arrivals[next] ?? 0) <= nowMs; next++) {
      const job = plan.next();
      if (job === null) throw new Error('the pool is smaller than the number of arrivals');
      const due = { job, intendedMs: startMs + (arrivals[next] ?? 0) };
      if (due.intendedMs >= countedFromMs) lags.push(nowMs - due.intendedMs);
      const start = idle.pop();
      if (start === undefined) queue.push(due);
      else start(due);
    }
  });
  pacer.postMessage(startMs);
  await finished.promise;
  const endMs = monotonicMs();
  await pacer.terminate();
  return { startMs, endMs, lagMs: percentiles(Float64Array.from(lags)) };
}

/** Ms after the start, with exponentially distributed gaps; as many as fit into the time on average. */
function poissonArrivals({ seconds, ratePerSecond }: { seconds: number; ratePerSecond: number }): Float64Array {
  const arrivals = new Float64Array(arrivalsIn({ seconds, ratePerSecond }));
  let atMs = 0;
  for (let index = 0; index < arrivals.length; index++) {
    atMs += (-Math.log(1 - Math.random()) * 1000) / ratePerSecond;
    arrivals[index] = atMs;
  }
  return arrivals;
}
