import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import type { Lane, Report } from './lane.ts';

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url));
// A test that takes longer hangs. So does a file that ends its tests and goes on living, which node --test waits for without end.
const TIMEOUT_MS = 240_000;
const SILENCE_MS = 300_000;

interface NodeTestOptions {
  /** Patterns of test files, from the root of the repository. */
  files: string[];
  /** Files run at once. */
  concurrency: number;
  /** Variables for the tests, asked for when the lane starts. */
  env: () => Promise<NodeJS.ProcessEnv>;
  quiet?: boolean;
  silenceMs?: number;
}

/** A lane of `node --test`; it fails when a file holds no test, and when it ends without a report. */
export function nodeTestLane(name: string, options: NodeTestOptions): Lane {
  const { files, concurrency, env, quiet = false, silenceMs = SILENCE_MS } = options;
  return {
    name,
    run: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'pressferry-lane-'));
      try {
        const reportFile = join(folder, 'report.json');
        const runningFile = join(folder, 'running');
        const args = [
          '--test',
          `--test-concurrency=${concurrency}`,
          `--test-timeout=${TIMEOUT_MS}`,
          `--test-reporter=${REPORTER}`,
          '--test-reporter-destination=stdout',
          ...files,
        ];
        const { code } = await command(process.execPath, args, {
          env: { ...(await env()), LANE_REPORT: reportFile, LANE_RUNNING: runningFile },
          silenceMs,
          ...(quiet ? {} : { onOutput: (text: string) => process.stdout.write(text) }),
        });
        const report: Report | null = JSON.parse(await readFile(reportFile, 'utf8').catch(() => 'null'));
        if (report !== null) return judged(report, code);
        const running = await readFile(runningFile, 'utf8').catch(() => '');
        console.error(`✗ ended while these ran:\n${running}`);
        const failure = { name: 'node --test', reason: `ended while these ran:\n${running}` };
        return { passed: 0, failed: 1, skipped: [], failures: [failure] };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A crash may leave a report without the fault. */
function judged(report: Report, code: number | null): Report {
  if (code === 0 || report.failed > 0) return report;
  return { ...report, failed: 1, failures: [{ name: 'node --test', reason: `ended with ${code ?? 'a signal'}` }] };
}
