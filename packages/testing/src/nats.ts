import {
  type NatsCluster,
  type NatsClusterOptions,
  type NatsOptions,
  resolveNatsServer,
  type Server,
  startNats,
  startNatsCluster,
} from '@pressferry/embedded';
import { CACHE_DIR, temporaryFolder } from './folders.ts';
import { trackLive } from './leaks.ts';

let resolving: Promise<string> | undefined;

/** Resolves to the nats-server that tests run, found or fetched once per process. */
export function testNatsBinary(): Promise<string> {
  resolving ??= resolveNatsServer({ cacheDir: CACHE_DIR });
  return resolving;
}

/**
 * Starts an empty NATS server of its own (about 50 ms); start one per test file in `before`, or one per test if it
 * gets killed. Disposing removes its store.
 */
export async function startTestNats(options: Partial<NatsOptions> = {}): Promise<Server> {
  const binary = options.binary ?? (await testNatsBinary());
  return disposable('nats', async (storeDir) => {
    const server = await startNats({ ...options, binary, storeDir: options.storeDir ?? storeDir });
    return { server, kill: () => server.kill() };
  });
}

/** Starts an empty NATS cluster of three (under a second); disposing removes its stores. */
export async function startTestNatsCluster(options: Partial<NatsClusterOptions> = {}): Promise<NatsCluster> {
  const binary = options.binary ?? (await testNatsBinary());
  return disposable('nats-cluster', async (storeDir) => {
    const server = await startNatsCluster({ ...options, binary, storeDir: options.storeDir ?? storeDir });
    return { server, kill: () => Promise.all(server.nodes.map((node) => node.kill())) };
  });
}

/** Gives a server a temporary folder that goes with it, and notes it as live. */
async function disposable<T extends AsyncDisposable>(
  what: string,
  start: (folder: string) => Promise<{ server: T; kill: () => unknown }>,
): Promise<T> {
  const folder = await temporaryFolder(what);
  try {
    const { server, kill } = await start(folder.path);
    const killAndRemove = async () => {
      await kill();
      await folder.remove();
    };
    const { release } = trackLive(what, killAndRemove);
    const dispose = server[Symbol.asyncDispose].bind(server);
    server[Symbol.asyncDispose] = async () => {
      await dispose();
      release();
      await folder.remove();
    };
    return server;
  } catch (error) {
    await folder.remove();
    throw error;
  }
}
