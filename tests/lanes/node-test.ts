import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import type { Lane, Report } from './lane.ts';
import type { ReportByFile } from './reporter.ts';

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url));
// A test that takes longer hangs. So does a file that ends its tests and goes on living, which node --test waits for without end.
const TIMEOUT_MS = 240_000;
const SILENCE_MS = 300_000;
// If more fail, something is broken.
const MOST_FILES_AGAIN = 3;

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

/** A lane of `node --test`; it fails when a file holds no test, and when it ends without a report. A few files that fail run once more, alone. */
export function nodeTestLane(name: string, options: NodeTestOptions): Lane {
  return {
    name,
    run: async () => {
      const first = await runFiles(options, options.files, options.concurrency);
      const again = first.failedFiles.map(({ file }) => file);
      if (again.length === 0 || again.length > MOST_FILES_AGAIN) return reportOf(first);
      if (options.quiet !== true)
        console.log(`   once more, alone: ${again.map((file) => relative(process.cwd(), file)).join(' ')}`);
      return together(first, await runFiles(options, again, 1));
    },
  };
}

async function runFiles(options: NodeTestOptions, files: string[], concurrency: number): Promise<ReportByFile> {
  const { env, quiet = false, silenceMs = SILENCE_MS } = options;
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
    const report: ReportByFile | null = JSON.parse(await readFile(reportFile, 'utf8').catch(() => 'null'));
    if (report !== null) return judged(report, code);
    const running = await readFile(runningFile, 'utf8').catch(() => '');
    console.error(`✗ ended while these ran:\n${running}`);
    const failure = { name: 'node --test', reason: `ended while these ran:\n${running}` };
    return { passed: 0, failed: 1, skipped: [], failures: [failure], failedFiles: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A crash may leave a report without the fault. */
function judged(report: ReportByFile, code: number | null): ReportByFile {
  if (code === 0 || report.failed > 0) return report;
  return { ...report, failed: 1, failures: [{ name: 'node --test', reason: `ended with ${code ?? 'a signal'}` }] };
}

const reportOf = ({ failedFiles: _, ...report }: ReportByFile): Report => report;

/** The second run decides about the files that it ran; a test that failed in the first run only is called unsteady. */
function together(first: ReportByFile, second: ReportByFile): Report {
  const passedBefore = first.failedFiles.reduce((sum, { passed }) => sum + passed, 0);
  const stillFails = new Set(second.failures.map(({ name }) => name));
  const unsteady = first.failures.filter(({ name }) => second.failed === 0 || !stillFails.has(name));
  return {
    passed: first.passed - passedBefore + second.passed,
    failed: second.failed,
    skipped: first.skipped,
    failures: second.failures,
    ...(unsteady.length > 0 ? { unsteady } : {}),
  };
}
