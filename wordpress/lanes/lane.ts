import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How many tests of a lane passed, failed, and were skipped. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** One way of running the plugin's tests. */
export interface Lane {
  name: string;
  /** Why it cannot run here, or undefined when it can. */
  unavailable(): Promise<string | undefined>;
  run(print?: Print): Promise<Counts>;
  /** Runs at the same time as the others of this kind, and prints its output at its end. */
  runsWithOthers?: boolean;
}

export type Print = (text: string) => void;

const printNow: Print = (text) => void process.stdout.write(text);

export const pluginDir = fileURLToPath(new URL('../pressferry', import.meta.url));
export const vectorsDir = fileURLToPath(new URL('../../proto/vectors', import.meta.url));

/** Runs a command to its end, with its output passed on; resolves to the exit code and what it wrote. */
export function run(
  command: string,
  args: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; quiet?: boolean; print?: Print; timeoutMs?: number },
): Promise<{ code: number | null; output: string }> {
  const { cwd, env, quiet = false, print = printNow, timeoutMs = 600_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (!quiet) print(chunk.toString());
      });
    }
    child.once('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** The full path of a program, looked for in PATH and where system programs are; undefined when it is not there. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin']) {
    const path = join(dir, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found && dir !== '') return path;
  }
  return undefined;
}
