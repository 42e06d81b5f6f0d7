import { openClient } from './client.ts';
import type { Plan } from './plan.ts';

/** In ms. */
export interface Span {
  startMs: number;
  endMs: number;
}

/** Keeps one request in flight on each connection until the time is over or the plan is used up. */
export function runClosedLoop(
  plan: Plan,
  options: { ports: readonly number[]; connections: number; seconds: number },
): Promise<Span> {
  const { ports, connections, seconds } = options;
  const startMs = performance.now();
  const deadlineMs = startMs + seconds * 1000;
  return new Promise((resolve) => {
    let open = connections;
    const work = (port: number): void => {
      let job = plan.next();
      let sentMs = 0;
      const client = openClient(port, (status, body) => {
        const nowMs = performance.now();
        if (job !== null) plan.record(job, status, body, nowMs - sentMs);
        job = nowMs < deadlineMs ? plan.next() : null;
        send();
      });
      const send = (): void => {
        if (job === null) {
          client.destroy();
          if (--open === 0) resolve({ startMs, endMs: performance.now() });
          return;
        }
        sentMs = performance.now();
        client.send(job.bytes);
      };
      send();
    };
    for (let number = 0; number < connections; number++) work(ports[number % ports.length] ?? 0);
  });
}
