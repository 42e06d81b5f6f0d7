import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A script in its own process that answers messages one at a time. */
export interface ForkedScript<Order, Report> extends AsyncDisposable {
  pid: number;
  /** Sends an order (null for a script that starts by itself) and resolves to the next message; rejects if the script ends. */
  ask: (order: Order | null) => Promise<Report>;
}

/**
 * Starts a script next to `base`; it ends when this process does, because its channel closes. `isApart`: in its own session,
 * which is what Linux shares processors out to first (its autogroups).
 */
export function forkScript<Order extends object, Report>(
  url: URL,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
  isApart = false,
): ForkedScript<Order, Report> {
  const child = fork(fileURLToPath(url), args, { execArgv: [...execArgv], detached: isApart });
  return {
    pid: child.pid ?? 0,
    ask: (order) => {
      const answer = nextMessage<Report>(child, url);
      if (order !== null) child.send(order);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

function nextMessage<Report>(child: ChildProcess, url: URL): Promise<Report> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`${url.pathname.split('/').at(-1)} ended with ${code} before it answered`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Report);
    });
  });
}
