import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';

/** One target of a fuzzing run: a line of JSON in the file `PRESSFERRY_FUZZ_REPORT`. */
export interface TargetReport {
  target: string;
  inputs: number;
  seconds: number;
  /** How to reproduce the input, and the input itself. */
  failure?: { seed: number; path: string; counterexample: string; message: string };
}

/** Below a second for a test; a fuzzing run gives each target this many ms instead. */
const TEST_MS = 900;

/**
 * A property test. `make test` gives it a hundred inputs, `make fuzz` as many as fit into its time. A failure prints
 * `PRESSFERRY_SEED` and `PRESSFERRY_PATH`, which reproduce it.
 */
export function property<Ts>(name: string, guarantee: fc.IRawProperty<Ts>): void {
  const { PRESSFERRY_SEED: seed, PRESSFERRY_PATH: path, PRESSFERRY_FUZZ_MS: fuzzMs } = process.env;
  const replay = {
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path, endOnFailure: true }),
  };
  test(name, async () => {
    if (fuzzMs !== undefined) await fuzz(name, guarantee, Number(fuzzMs));
    else await fc.assert(guarantee, { ...replay, interruptAfterTimeLimit: TEST_MS });
  });
}

async function fuzz<Ts>(target: string, guarantee: fc.IRawProperty<Ts>, ms: number): Promise<void> {
  const begunMs = performance.now();
  const details = await fc.check(guarantee, { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: ms });
  const seconds = (performance.now() - begunMs) / 1000;
  const report: TargetReport = { target, inputs: details.numRuns, seconds };
  const message = details.failed ? fc.defaultReportMessage(details) : undefined;
  if (message !== undefined) {
    const { seed, counterexamplePath, counterexample } = details;
    report.failure = { seed, path: counterexamplePath ?? '', counterexample: fc.stringify(counterexample), message };
  }
  const { PRESSFERRY_FUZZ_REPORT: file } = process.env;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(report)}\n`);
  if (message !== undefined) throw new Error(message);
}
