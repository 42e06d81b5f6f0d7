import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TargetReport } from '@pressferry/testing/property';

/** What came of fuzzing the targets of one file for a while, in its own process, so a crash is a finding too. */
export interface FileRun {
  reports: TargetReport[];
  /** True if the process ended with 0. */
  passed: boolean;
  output: string;
}

/** Beyond the time of its targets, a process that has not ended hangs. */
const GRACE_MS = 60_000;
const MOST_TARGETS = 40;

/** Runs a file's properties, each for so many milliseconds. */
export async function runFile(root: string, file: string, sliceMs: number): Promise<FileRun> {
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-fuzz-'));
  try {
    const reportFile = join(folder, 'report.jsonl');
    const { passed, output } = await run(root, file, {
      PRESSFERRY_FUZZ_MS: String(sliceMs),
      PRESSFERRY_FUZZ_REPORT: reportFile,
      GRACE_MS: String(GRACE_MS + MOST_TARGETS * sliceMs),
    });
    const lines = await readFile(reportFile, 'utf8').catch(() => '');
    return {
      reports: lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
      passed,
      output,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(
  root: string,
  file: string,
  { GRACE_MS: timeout, ...env }: Record<string, string>,
): Promise<Omit<FileRun, 'reports'>> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: Number(timeout),
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    child.on('error', (error) => resolve({ passed: false, output: String(error) }));
    child.on('close', (code, signal) => {
      const ending = signal === null ? '' : `\nended by ${signal}`;
      resolve({ passed: code === 0, output: Buffer.concat(chunks).toString('utf8') + ending });
    });
  });
}
