/** The monotonic clock in ms, the same in every thread; `performance.now()` starts again in each. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
