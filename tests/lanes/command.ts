import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  /** Gets each piece of output as it comes; by default nothing is shown. */
  onOutput?: (text: string) => void;
  /** After so long without output the program is told to end. */
  silenceMs?: number;
}

/** Runs a program of the repository at its root, without input; resolves to its exit code and everything it wrote. */
export function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<{ code: number | null; output: string }> {
  const { env = process.env, onOutput = () => {}, silenceMs } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const silence = silenceMs === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), silenceMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        silence?.refresh();
        onOutput(text);
      });
    }
    child.once('error', (cause) => reject(new Error(`cannot run ${program}`, { cause })));
    child.once('close', (code) => {
      clearTimeout(silence);
      resolve({ code, output });
    });
  });
}
