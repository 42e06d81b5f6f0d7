import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '@pressferry/runtime';
import { isAbort } from './abort.ts';
import { describeError } from './output/describe-error.ts';

export interface Foreground {
  /** Aborted by Ctrl-C, SIGTERM, the end of the terminal, or `fail`. */
  signal: AbortSignal;
  /** Disposed in reverse order once `signal` is aborted or the command is done. */
  resources: AsyncDisposableStack;
  /** Ends the command with exit code 1 and this reason. */
  fail: (error: unknown) => void;
  /** Runs at a second Ctrl-C, before the process ends at once. */
  onForce: (kill: () => Promise<unknown>) => void;
}

// npm passes on a Ctrl-C that its child also gets from the terminal: within this time, it is one.
const SAME_SIGNAL_MS = 500;
const FORCE_BOUND_MS = 5_000;

/**
 * Runs a command until it is done, a signal comes or it fails, then disposes; resolves to the exit code. A second
 * Ctrl-C ends the process at once.
 */
export async function runInForeground(command: (foreground: Foreground) => Promise<'done' | 'stay'>): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const resources = new AsyncDisposableStack();
  let exitCode = 0;
  let stoppedAt = 0;
  let kill: () => Promise<unknown> = async () => undefined;

  const stop = (): void => {
    stoppedAt ||= Date.now();
    controller.abort();
  };
  const fail = (error: unknown): void => {
    if (exitCode === 0 && !(signal.aborted && isAbort(error))) {
      exitCode = error instanceof ConfigError ? 78 : 1;
      process.stderr.write(`\n${describeError(error)}\n`);
    }
    stop();
  };
  const onSignal = (): void => {
    const isSecond = stoppedAt !== 0 && Date.now() - stoppedAt >= SAME_SIGNAL_MS;
    stop();
    if (isSecond) void Promise.race([kill(), delay(FORCE_BOUND_MS)]).finally(() => process.exit(130));
  };
  const onForce = (how: typeof kill): void => {
    kill = how;
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  // The reader of our output is gone (`| head`).
  for (const stream of [process.stdout, process.stderr]) stream.on('error', stop);

  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    const foreground = { signal, resources, fail, onForce };
    if ((await command(foreground)) === 'stay') await stopped;
  } catch (error) {
    fail(error);
  }
  stop();
  await resources.disposeAsync().catch((error: unknown) => {
    if (exitCode === 0) exitCode = 1;
    process.stderr.write(`stopping: ${describeError(error)}\n`);
  });
  for (const name of names) process.off(name, onSignal);
  return exitCode;
}
