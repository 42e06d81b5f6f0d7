import { connect } from 'node:net';
import { openClient } from '../../ingress/load/client.ts';
import type { Job, Plan } from '../../ingress/load/plan.ts';

/** How a windowed loop runs. */
export interface WindowOptions {
  ports: readonly number[];
  connections: number;
  seconds: number;
  /** The most journeys on their way at once, from the request to the sink. */
  window: number;
  /** Where the sink tells how many different results it has, as text lines. */
  feedPort: number;
}

/** A closed loop of whole journeys: the next event is sent when the sink has the result of another. Resolves when the time is over. */
export async function runWindowedLoop(plan: Plan, options: WindowOptions): Promise<void> {
  const { ports, connections, seconds, window, feedPort } = options;
  const deadlineMs = performance.now() + seconds * 1000;
  const idle: (() => void)[] = [];
  const finished = Promise.withResolvers<void>();
  let onTheWay = 0;
  let answering = 0;
  let isOver = false;

  const work = (): void => {
    isOver ||= performance.now() >= deadlineMs;
    while (!isOver && onTheWay < window && idle.length > 0) idle.pop()?.();
    if (isOver && answering === 0) finished.resolve();
  };
  for (let number = 0; number < connections; number++) {
    let current: Job | null = null;
    let sentMs = 0;
    const client = openClient(ports[number % ports.length] ?? 0, (status, body) => {
      if (current !== null) plan.record(current, status, body, performance.now() - sentMs);
      // A refused event will not arrive.
      if (status !== 202) onTheWay--;
      answering--;
      idle.push(send);
      work();
    });
    const send = (): void => {
      current = plan.next();
      if (current === null) {
        isOver = true;
        return;
      }
      onTheWay++;
      answering++;
      sentMs = performance.now();
      client.send(current.bytes);
    };
    idle.push(send);
    void finished.promise.then(() => client.destroy());
  }

  const feed = connect({ port: feedPort, host: '127.0.0.1' });
  let partial = '';
  feed.setEncoding('latin1').on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) onTheWay -= Number(line);
    work();
  });
  // If the sink falls silent, the end of the time must still be noticed.
  const timer = setInterval(work, 100);
  work();
  await finished.promise;
  clearInterval(timer);
  feed.destroy();
}
