import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { watchParent } from './watchdog.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  command: string;
  args: string[];
  cwd: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  stopSignal: NodeJS.Signals;
  graceMs: number;
  onLog?: ((line: string) => void) | undefined;
}

/** Cannot outlive this process. */
export interface Child {
  readonly pid: number;
  readonly running: boolean;
  readonly exited: Promise<Exit>;
  recentLog(): string;
  /** Sends the stop signal, then SIGKILL after the grace time; resolves once it has exited. */
  stop(): Promise<Exit>;
  /** Sends SIGKILL to its process group; resolves once it has exited. */
  kill(): Promise<Exit>;
}

const RECENT_LINES = 20;
const CLOSE_BOUND_MS = 5_000;

/** In its own process group, because a terminal's Ctrl-C must not stop it before us; rejects if it cannot be run. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, cwd, env, uid, gid, stopSignal, graceMs, onLog } = options;
  const process_ = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const exited = exitOf(process_);
  const pid = await spawned(process_, command);
  const recent = collectLines(process_, onLog);
  const stopWatching = watchParent({ pid, stopSignal, graceMs });
  exited.then(stopWatching);

  const isRunning = () => process_.exitCode === null && process_.signalCode === null;
  const kill = () => {
    if (isRunning()) signalGroup(pid, 'SIGKILL');
    return exited;
  };
  return {
    pid,
    get running() {
      return isRunning();
    },
    exited,
    recentLog: () => recent.join('\n'),
    kill,
    async stop() {
      if (!isRunning()) return exited;
      process_.kill(stopSignal);
      const hardStop = setTimeout(kill, graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(hardStop);
      }
    },
  };
}

function spawned(process_: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    process_.once('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })));
    process_.once('spawn', () => resolve(process_.pid ?? 0));
  });
}

function exitOf(process_: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    process_.once('exit', (code, signal) => {
      // 'close' waits for its children and the last lines; a stuck grandchild must not hold us up.
      const bound = setTimeout(resolve, CLOSE_BOUND_MS, { code, signal });
      process_.once('close', () => {
        clearTimeout(bound);
        resolve({ code, signal });
      });
    });
  });
}

function collectLines(process_: ChildProcess, onLog?: (line: string) => void): string[] {
  const recent: string[] = [];
  for (const stream of [process_.stdout, process_.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      recent.push(line);
      if (recent.length > RECENT_LINES) recent.shift();
      onLog?.(line);
    });
  }
  return recent;
}

/** Ignores a process group that is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
