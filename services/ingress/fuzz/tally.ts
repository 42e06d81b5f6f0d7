import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetReport } from '@pressferry/testing/property';
import type { FileRun } from './run-file.ts';

/** Sums up what a fuzzing run tried and found. */
export interface Tally {
  add: (file: string, run: FileRun) => void;
  /** How many targets a file has; undefined before it ran. */
  targetsOf: (file: string) => number | undefined;
  failed: () => boolean;
  /** One line for each target, and the sum. */
  lines: () => string[];
}

interface Total {
  inputs: number;
  seconds: number;
  failures: number;
}

/** Opens a tally; each failing input is stored under `.pressferry/fuzz/` with what brings it back. */
export function openTally(root: string): Tally {
  const folder = join(root, '.pressferry/fuzz');
  const totals = new Map<string, Total>();
  const targets = new Map<string, number>();
  let failures = 0;

  const store = (name: string, content: object): void => {
    failures++;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 80)}-${Date.now()}.json`);
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
    console.error(`FAILED ${name}\n  ${path}`);
  };
  const addReport = (file: string, { target, inputs, seconds, failure }: TargetReport): void => {
    const total = totals.get(target) ?? { inputs: 0, seconds: 0, failures: 0 };
    totals.set(target, total);
    total.inputs += inputs;
    total.seconds += seconds;
    if (failure === undefined) return;
    total.failures++;
    const replay = `PRESSFERRY_SEED=${failure.seed} PRESSFERRY_PATH=${failure.path} node --test ${file}`;
    store(target, { target, file, replay, ...failure });
  };

  return {
    add: (file, { reports, passed, output }) => {
      targets.set(file, Math.max(targets.get(file) ?? 0, reports.length));
      for (const report of reports) addReport(file, report);
      // A crash, a hang, or a test of the file that is not a property.
      if (!passed && !reports.some(({ failure }) => failure !== undefined)) store(file, { file, output });
    },
    targetsOf: (file) => targets.get(file),
    failed: () => failures > 0,
    lines: () => {
      const rows = [...totals].map(
        ([target, { inputs, seconds, failures: failed }]) =>
          `${String(inputs).padStart(9)} inputs ${seconds.toFixed(1).padStart(6)} s  ${failed === 0 ? 'ok    ' : 'FAILED'}  ${target}`,
      );
      const sum = [...totals.values()].reduce((all, { inputs }) => all + inputs, 0);
      return [...rows, `${String(sum).padStart(9)} inputs to ${totals.size} targets; ${failures} failures`];
    },
  };
}
