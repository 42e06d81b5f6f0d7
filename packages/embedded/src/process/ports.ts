import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below Linux's (32768) and macOS' (49152) ephemeral ranges: a server that is down for a moment cannot lose its
// port to some client's outgoing connection, and a client that retries cannot connect to itself.
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;

const handedOut = new Set<number>();

/** Resolves to a port that was free on 127.0.0.1 a moment ago and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (handedOut.has(port) || !(await isPortFree(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT}`);
}

/** Resolves to whether a server could listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
