import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CommandRun, startCommand } from '@pressferry/testing';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Starts the `pressferry` of a checkout. */
export const pressferry = (args: string[], env: Record<string, string> = {}): CommandRun =>
  startCommand(MAIN, args, env);

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
