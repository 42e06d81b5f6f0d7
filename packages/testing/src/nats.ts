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

/** Found or fetched once per process. */
export function testNatsBinary(): Promise<string> {
  resolving ??= resolveNatsServer({ cacheDir: CACHE_DIR });
  return resolving;
}

/**
 * An empty server (about 50 ms): one per test file in `before`, or one per test that kills it. Disposal removes its
 * store.
 */
export async function startTestNats(options: Partial<NatsOptions> = {}): Promise<Server> {
  const binary = options.binary ?? (await testNatsBinary());
  return disposable('nats', async (storeDir) => {
    const server = await startNats({ ...options, binary, storeDir: options.storeDir ?? storeDir });
    return { server, kill: () => server.kill() };
  });
}

/** Three nodes, in under a second; disposal removes their stores. */
export async function startTestNatsCluster(options: Partial<NatsClusterOptions> = {}): Promise<NatsCluster> {
  const binary = options.binary ?? (await testNatsBinary());
  return disposable('nats-cluster', async (storeDir) => {
    const server = await startNatsCluster({ ...options, binary, storeDir: options.storeDir ?? storeDir });
    return { server, kill: () => Promise.all(server.nodes.map((node) => node.kill())) };
  });
}

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
