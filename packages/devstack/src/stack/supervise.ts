import { setTimeout as delay } from 'node:timers/promises';
import { type Exit, type Server, signalGroup } from '@pressferry/embedded';
import { describeExit, EndedError } from './process.ts';

/** The numbers are for tests. */
export interface SuperviseOptions {
  name: string;
  say: (line: string) => void;
  fail: (error: Error) => void;
  maxDeaths?: number;
  windowMs?: number;
  firstDelayMs?: number;
}

/** Restarted when it ends by itself. */
export interface Supervised<S extends Server = Server> extends AsyncDisposable {
  readonly server: S;
  /** Kills it at once, even in the middle of its stop. */
  kill: () => void;
}

/** EX_CONFIG of sysexits.h, as `runService` uses it. */
const FAULTY_CONFIGURATION = 78;

/**
 * Restarts a server after a growing delay whenever it ends unasked. Gives up, with the reason, at a faulty
 * configuration and at the sixth death within a minute.
 */
export async function supervise<S extends Server>(
  start: (onUnexpectedExit: (exit: Exit) => void) => Promise<S>,
  options: SuperviseOptions,
): Promise<Supervised<S>> {
  const { name, say, fail, maxDeaths = 5, windowMs = 60_000, firstDelayMs = 200 } = options;
  const stop = new AbortController();
  let deaths: number[] = [];
  let recovering: Promise<void> = Promise.resolve();

  const mayRestart = (exit: Exit | undefined): boolean => {
    const how = exit === undefined ? 'did not start again' : `ended with ${describeExit(exit)}`;
    deaths = [...deaths, Date.now()].filter((at) => at > Date.now() - windowMs);
    if (exit?.code === FAULTY_CONFIGURATION)
      fail(new Error(`${name} ${how}: its configuration is faulty, see its lines above`));
    else if (deaths.length > maxDeaths)
      fail(new Error(`${name} ${how}, the ${deaths.length}th time within a minute; it is given up`));
    else return true;
    return false;
  };
  const recover = async (first: Exit): Promise<void> => {
    let exit: Exit | undefined = first;
    while (!stop.signal.aborted && mayRestart(exit)) {
      const waitMs = firstDelayMs * 2 ** (deaths.length - 1);
      say(
        `${name} ended with ${exit ? describeExit(exit) : 'a failed start'}; starting it again in ${waitMs / 1000} s`,
      );
      await delay(waitMs, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
      try {
        await server.restart();
        say(`${name} runs again, process ${server.pid}`);
        return;
      } catch (error) {
        exit = error instanceof EndedError ? error.exit : undefined;
      }
    }
  };
  const server = await start((exit) => {
    recovering = recover(exit);
  });
  return {
    server,
    kill: () => {
      stop.abort();
      // Not `server.kill()`, which would wait for a stop in progress.
      signalGroup(server.pid, 'SIGKILL');
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await recovering;
      await server[Symbol.asyncDispose]();
    },
  };
}
