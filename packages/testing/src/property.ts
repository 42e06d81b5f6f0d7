import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';

/** What a fuzzing run reports of one target, as one line of JSON in the file `PRESSFERRY_FUZZ_REPORT`. */
export interface TargetReport {
  target: string;
  inputs: number;
  seconds: number;
  /** Where the property broke: what brings the same input back, and the input itself. */
  failure?: { seed: number; path: string; counterexample: string; message: string };
}

/** A property test is over within a second; a fuzzing run gives each target this many milliseconds instead. */
const TEST_MS = 900;

/**
 * Declares a property as a test. In `make test` it gets a hundred inputs; in `make fuzz` as many as fit into its time. Of a failure
 * the seed and the path are printed: set as `PRESSFERRY_SEED` and `PRESSFERRY_PATH` they bring it back.
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
