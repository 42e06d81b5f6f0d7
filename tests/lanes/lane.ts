/** A test by its place, and why it was skipped or failed. */
export interface Finding {
  name: string;
  reason: string;
}

/** What a lane found. */
export interface Report {
  passed: number;
  failed: number;
  skipped: Finding[];
  /** The failures that are known by name; a lane that broke down may have none. */
  failures: Finding[];
  /** Failures of files that passed when they ran a second time, alone. */
  unsteady?: Finding[];
  /** Parts of the lane that did not run here, and why. */
  notRun?: string[];
}

/** A kind of check that `tests/run.ts` runs: prints what it does, and resolves to what it found. */
export interface Lane {
  name: string;
  run: () => Promise<Report>;
}

/** How a lane ended. */
export interface Result extends Report {
  lane: string;
  seconds: number;
}

// Of a failure the whole reason stands in the lane's own output.
const REASON_LINES = 12;

/** The lines printed at the end: what ran, what did not and why, what failed and why, and the sums alone on the last line. */
export function summary(results: readonly Result[], notAsked: readonly string[]): string[] {
  const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
  return [
    ...results.map((result) => {
      const counts = `${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped`;
      return `ran      ${result.lane}: ${counts}, ${result.seconds.toFixed(1)} s`;
    }),
    ...results.flatMap(({ lane, notRun = [] }) => notRun.map((part) => `not run  ${lane} ${part}`)),
    ...notAsked.map((lane) => `not run  ${lane}: not asked for`),
    ...results.flatMap(({ lane, skipped }) => skipped.map((test) => `skipped  ${lane} ${test.name}: ${test.reason}`)),
    ...results.flatMap(({ lane, unsteady = [] }) =>
      unsteady.map((test) => `unsteady ${lane} ${test.name}: ${begin(test.reason)}`),
    ),
    // Last: of a long log often the end alone is kept.
    ...results.flatMap(({ lane, failures }) =>
      failures.map((test) => `failed   ${lane} ${test.name}: ${begin(test.reason)}`),
    ),
    `${sum((result) => result.passed)} passed, ${sum((result) => result.failed)} failed, ${sum((result) => result.skipped.length)} skipped`,
  ];
}

const begin = (reason: string): string => reason.trimEnd().split('\n').slice(0, REASON_LINES).join('\n    ');

/** True when nothing failed and no lane came out empty: a lane whose tests were all lost must not look like success. */
export const succeeded = (results: readonly Result[]): boolean =>
  results.length > 0 && results.every((result) => result.failed === 0 && result.passed > 0);
