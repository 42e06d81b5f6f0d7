import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Exit, poll, watchParent } from '@pressferry/embedded';

/** Keeps its ports over restarts. */
export interface ServiceProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  readonly httpPort: number | undefined;
  readonly opsUrl: string;
  readonly logFile: string;
  signal: (signal: NodeJS.Signals) => void;
  /** Gracefully, then by force; without a restart. */
  stop: () => Promise<void>;
  /** If it does not run. */
  start: () => Promise<void>;
}

export interface ServiceOptions {
  name: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  httpPort: number | undefined;
  opsPort: number;
  logFile: string;
  /** Restarts it whenever it ends unasked, as `up` does. */
  keepUp: boolean;
  onEnd?: (name: string, exit: Exit) => void;
}

const READY_TIMEOUT_MS = 120_000;
const GRACE_MS = 15_000;
const RESTART_DELAY_MS = 200;

/** Resolves once it is ready. It cannot outlive this process. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { name, opsPort, logFile, keepUp } = options;
  const opsUrl = `http://127.0.0.1:${opsPort}`;
  const process = keepProcess(options);
  const untilReady = (): Promise<true> =>
    poll(`${name} to be ready`, () => probe(opsUrl, process.isRunning() || keepUp, name), {
      timeoutMs: READY_TIMEOUT_MS,
    });
  try {
    process.launch();
    await untilReady();
  } catch (cause) {
    await process.stop();
    throw new Error(`${name} did not start; it said:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`, { cause });
  }
  return {
    name,
    opsUrl,
    logFile,
    httpPort: options.httpPort,
    get pid() {
      return process.pid();
    },
    get running() {
      return process.isRunning();
    },
    signal: process.signal,
    stop: process.stop,
    start: async () => {
      process.launch();
      await untilReady();
    },
    [Symbol.asyncDispose]: process.stop,
  };
}

interface KeptProcess {
  launch: () => void;
  isRunning: () => boolean;
  pid: () => number;
  signal: (signal: NodeJS.Signals) => void;
  stop: () => Promise<void>;
}

function keepProcess(options: ServiceOptions): KeptProcess {
  const { name, keepUp, onEnd } = options;
  let isAsked = false;
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();

  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;
  const launch = (): void => {
    isAsked = false;
    if (isRunning()) return;
    const started = spawnInto(options);
    child = started;
    const { promise, resolve } = Promise.withResolvers<void>();
    ended = promise;
    const stopWatching = watchParent({ pid: started.pid ?? 0, stopSignal: 'SIGKILL', graceMs: 100 });
    started.once('exit', (code, signal) => {
      stopWatching();
      resolve();
      if (isAsked) return;
      onEnd?.(name, { code, signal });
      if (keepUp) void delay(RESTART_DELAY_MS).then(() => isAsked || launch());
    });
  };
  const stop = async (): Promise<void> => {
    isAsked = true;
    if (!isRunning()) return;
    // A process under SIGSTOP receives nothing else.
    child?.kill('SIGCONT');
    child?.kill('SIGTERM');
    const hardStop = setTimeout(() => child?.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(hardStop);
  };
  return { launch, isRunning, stop, pid: () => child?.pid ?? 0, signal: (signal) => void child?.kill(signal) };
}

function spawnInto({ args, cwd, env, logFile }: ServiceOptions): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', log, log], detached: true });
    child.on('error', () => undefined);
    return child;
  } finally {
    closeSync(log);
  }
}

async function probe(opsUrl: string, mayCome: boolean, name: string): Promise<true | undefined> {
  if (!mayCome) throw new Error(`${name} ended`);
  const answer = await fetch(`${opsUrl}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok === true ? true : undefined;
}
