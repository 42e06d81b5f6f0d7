import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import type { Lane, Report } from './lane.ts';

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url));
// A test or a file that takes longer hangs.
const TIMEOUT_MS = 240_000;

interface NodeTestOptions {
  /** Patterns of test files, from the root of the repository. */
  files: string[];
  /** Files run at once. */
  concurrency: number;
  /** Variables for the tests, asked for when the lane starts. */
  env: () => Promise<NodeJS.ProcessEnv>;
  quiet?: boolean;
}

/** A lane of `node --test`; it fails when a file holds no test, and when it ends without a report. */
export function nodeTestLane(name: string, { files, concurrency, env, quiet = false }: NodeTestOptions): Lane {
  return {
    name,
    run: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'pressferry-lane-'));
      try {
        const reportFile = join(folder, 'report.json');
        const args = [
          '--test',
          `--test-concurrency=${concurrency}`,
          `--test-timeout=${TIMEOUT_MS}`,
          `--test-reporter=${REPORTER}`,
          '--test-reporter-destination=stdout',
          ...files,
        ];
        const { code } = await command(process.execPath, args, {
          env: { ...(await env()), LANE_REPORT: reportFile },
          ...(quiet ? {} : { onOutput: (text: string) => process.stdout.write(text) }),
        });
        return judged(JSON.parse(await readFile(reportFile, 'utf8').catch(() => 'null')), code);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A crash may leave no report, or one without the fault. */
function judged(report: Report | null, code: number | null): Report {
  if (report === null) return { passed: 0, failed: 1, skipped: [] };
  return code !== 0 && report.failed === 0 ? { ...report, failed: 1 } : report;
}
