// A thread that sleeps until each moment of sending and wakes the sender: the event loop's own timers know whole milliseconds only.
import { parentPort, workerData } from 'node:worker_threads';
import { monotonicMs } from './clock.ts';

const arrivals = workerData as Float64Array;
const cell = new Int32Array(new SharedArrayBuffer(4));

parentPort?.once('message', (startMs: number) => {
  for (const arrival of arrivals) {
    const leftMs = startMs + arrival - monotonicMs();
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs);
    parentPort?.postMessage(null);
  }
});
parentPort?.postMessage('up');
