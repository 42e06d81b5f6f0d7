import { ConfigError } from './config.ts';
import { errorFields, type Logger } from './logger.ts';
import { flushSpans } from './trace.ts';

export interface Lifetime {
  /** Aborted by SIGTERM, SIGINT or `fail`. */
  signal: AbortSignal;
  /** Disposed in reverse order once `signal` is aborted. */
  resources: AsyncDisposableStack;
  /**
   * Ends the process after disposal, with exit code 1, or 78 for a faulty configuration. For a loop that cannot go on.
   */
  fail: (error: unknown) => void;
}

/**
 * Starts a service, waits for a signal or a failure, disposes in reverse order and exits. After `graceMs` the process
 * ends hard, with exit code 1.
 */
export async function runService(
  start: (lifetime: Lifetime) => Promise<void>,
  options: { graceMs: number; logger: Logger },
): Promise<never> {
  const { graceMs, logger } = options;
  const controller = new AbortController();
  const resources = new AsyncDisposableStack();
  let exitCode = 0;
  const stop = (reason: string): void => {
    if (controller.signal.aborted) return;
    logger.info({ reason }, 'service.stopping');
    controller.abort();
  };
  const fail = (error: unknown): void => {
    exitCode = exitCodeOf(error);
    // The operator needs all lines of a configuration fault.
    if (error instanceof ConfigError) console.error(error.message);
    else logger.error(errorFields(error), 'service.failed');
    stop('failure');
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop(name));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  const stopped = new Promise<void>((resolve) =>
    controller.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  // A start that waits for a dependency must not outlast the signal.
  await Promise.race([start({ signal: controller.signal, resources, fail }).catch(fail), stopped]);
  await stopped;
  setTimeout(() => {
    logger.error({ grace_ms: graceMs }, 'service.killed');
    process.exit(1);
  }, graceMs).unref();
  await resources.disposeAsync().catch(fail);
  await flushSpans();
  logger.info('service.stopped');
  process.exit(exitCode);
}

/** Prints a configuration fault without a stack. */
export async function runMain(main: () => Promise<unknown>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(exitCodeOf(error));
  }
}

/** 78 is EX_CONFIG of sysexits.h: a restart does not help. */
const exitCodeOf = (error: unknown): number => (error instanceof ConfigError ? 78 : 1);
