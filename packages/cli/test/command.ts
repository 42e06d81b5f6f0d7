import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** A run of the command `pressferry`, as a shell starts it. */
export interface Run {
  pid: number;
  kill: (signal: NodeJS.Signals) => void;
  exited: Promise<number | null>;
  output: () => string;
}

/** Starts `pressferry` with these arguments, and with no variables of Pressferry but these. */
export function pressferry(args: string[], env: Record<string, string> = {}): Run {
  const { PATH, HOME, NATS_SERVER_PATH } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, NATS_SERVER_PATH, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return {
    pid: child.pid ?? 0,
    kill: (signal) => child.kill(signal),
    exited: once(child, 'close').then(([code]) => code as number | null),
    output: () => output,
  };
}

/** A folder for data that goes with the test; another OS user may pass through, for Postgres does not run as root. */
export async function temporaryDataDir(): Promise<AsyncDisposable & { parent: string; path: string }> {
  const parent = await mkdtemp(join(tmpdir(), 'pressferry-cli-'));
  await chmod(parent, 0o711);
  return {
    parent,
    path: join(parent, 'data'),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** The processes below one, and theirs, with their command lines. */
export function descendants(pid: number): Map<number, string> {
  const rows = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  const found = new Map<number, string>();
  const parents = new Set([pid]);
  // ps lists parents before their children only by chance.
  for (let grew = true; grew; ) {
    grew = false;
    for (const row of rows) {
      const [, child = '', parent = '', args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
      if (!parents.has(Number(parent)) || parents.has(Number(child))) continue;
      parents.add(Number(child));
      found.set(Number(child), args);
      grew = true;
    }
  }
  return found;
}

/** True while a process runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
