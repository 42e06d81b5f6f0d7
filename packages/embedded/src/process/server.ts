import type { Child, Exit } from './child.ts';
import { freePort, isPortFree } from './ports.ts';

/** A child process on one port of 127.0.0.1, which it keeps over restarts. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of the newest start. */
  readonly pid: number;
  readonly running: boolean;
  /** Graceful, then by force; resolves once it has exited. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL; resolves once it has exited. Idempotent. */
  kill(): Promise<void>;
  /** On the same port and data; resolves once it is ready. */
  restart(): Promise<void>;
}

/** `launch` resolves once the server is ready on the port, and rejects if it exited before. */
export interface ServerOptions {
  port?: number | undefined;
  launch: (port: number) => Promise<Child>;
  url: (port: number) => string;
  /** Called for an exit without `stop`, `kill` or `restart`. */
  onUnexpectedExit?: ((exit: Exit) => void) | undefined;
}

const PORT_TRIES = 5;

/** Takes another free port if the wanted one is taken; rejects if the server does not become ready. */
export async function startServer({ port: wanted, launch, url, onUnexpectedExit }: ServerOptions): Promise<Server> {
  let asked = false;
  const watched = async (port: number) => {
    asked = false;
    const child = await launch(port);
    child.exited.then((exit) => {
      if (!asked) onUnexpectedExit?.(exit);
    });
    return child;
  };
  const end = async (how: 'stop' | 'kill') => {
    asked = true;
    await child[how]();
  };
  let previous: Promise<void> = Promise.resolve();
  // In order: a stop during a restart must stop the new process.
  const inTurn = (operation: () => Promise<void>) => {
    const result = previous.then(operation);
    previous = result.catch(() => {});
    return result;
  };

  const first = await onFreePort(wanted, watched);
  const { port } = first;
  let { child } = first;
  return {
    url: url(port),
    port,
    get pid() {
      return child.pid;
    },
    get running() {
      return child.running;
    },
    stop: () => inTurn(() => end('stop')),
    kill: () => inTurn(() => end('kill')),
    restart: () =>
      inTurn(async () => {
        await end('stop');
        child = await watched(port);
      }),
    [Symbol.asyncDispose]: () => inTurn(() => end('stop')),
  };
}

async function onFreePort(wanted: number | undefined, launch: (port: number) => Promise<Child>) {
  for (let tries = 1; ; tries++) {
    const port = tries === 1 && wanted !== undefined ? wanted : await freePort();
    try {
      if (tries < PORT_TRIES && !(await isPortFree(port))) continue;
      return { port, child: await launch(port) };
    } catch (error) {
      const lostTheRace = !(await isPortFree(port));
      if (!lostTheRace || tries >= PORT_TRIES) throw error;
    }
  }
}
