import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CommandRun {
  pid: number;
  kill: (signal: NodeJS.Signals) => void;
  exited: Promise<number | null>;
  output: () => string;
}

/** Passes only these variables of Pressferry, and `input` on standard input. */
export function startCommand(
  main: string,
  args: string[],
  env: Record<string, string> = {},
  input?: string,
): CommandRun {
  const { PATH, HOME, NATS_SERVER_PATH } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH, HOME, NATS_SERVER_PATH, ...env },
  });
  child.stdin.end(input);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return {
    pid: child.pid ?? 0,
    kill: (signal) => child.kill(signal),
    exited: once(child, 'close').then(([code]) => code as number | null),
    output: () => output,
  };
}

/** Removed with the test; other OS users may pass through, because Postgres does not run as root. */
export async function temporaryDataDir(): Promise<AsyncDisposable & { parent: string; path: string }> {
  const parent = await mkdtemp(join(tmpdir(), 'pressferry-cli-'));
  await chmod(parent, 0o711);
  return {
    parent,
    path: join(parent, 'data'),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true, maxRetries: 3 }),
  };
}
