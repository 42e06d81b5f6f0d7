import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveNatsServer, type Server, startNats, startPostgres } from '@pressferry/embedded';
import { CACHE_DIR, type DataPaths } from '../paths.ts';
import type { Ports } from './ports.ts';
import { startProgram } from './process.ts';
import type { Secrets } from './secrets.ts';
import { inheritedEnv } from './services.ts';
import type { StackOptions } from './stack.ts';
import { type Supervised, supervise } from './supervise.ts';

export interface Running extends StackOptions {
  paths: DataPaths;
  secrets: Secrets;
  ports: Ports;
  opened: AsyncDisposableStack;
  supervised: Map<string, Supervised>;
}

/** Supervised, with its name before its lines. */
async function run(name: string, running: Running, start: Parameters<typeof supervise>[0]): Promise<Server> {
  const { opened, supervised, reporter, fail } = running;
  const one = opened.use(await supervise(start, { name, say: reporter.say, fail }));
  supervised.set(name, one);
  return one.server;
}

export async function runPostgres(running: Running): Promise<Server> {
  const { paths, ports, reporter } = running;
  const port = await ports.of('postgres');
  const server = await reporter.step(
    'Postgres',
    () =>
      run('postgres', running, (onUnexpectedExit) =>
        startPostgres({
          dataDir: paths.postgres,
          port,
          // Three services with a pool of ten, in several replicas.
          settings: { max_connections: '200' },
          onLog: (line) => reporter.log('postgres', line),
          onUnexpectedExit,
        }),
      ),
    (started) => `127.0.0.1:${started.port}`,
  );
  ports.keep('postgres', server.port);
  return server;
}

/** Finds or fetches nats-server; it listens on this machine only and requires the data directory's token. */
export async function runNats(running: Running): Promise<Server> {
  const { paths, ports, reporter, secrets } = running;
  const port = await ports.of('nats');
  const server = await reporter.step(
    'NATS with JetStream',
    async (progress) => {
      const binary = await resolveNatsServer({ cacheDir: CACHE_DIR, onProgress: progress, env: running.env });
      return run('nats', running, (onUnexpectedExit) =>
        startNats({
          binary,
          storeDir: paths.nats,
          port,
          authToken: secrets.natsToken,
          onLog: (line) => reporter.log('nats', line),
          onUnexpectedExit,
        }),
      );
    },
    (started) => `127.0.0.1:${started.port}`,
  );
  ports.keep('nats', server.port);
  return server;
}

export async function runVendor(running: Running): Promise<Server> {
  const { ports, reporter, signal, env } = running;
  const port = await ports.of('vendor');
  const main = fileURLToPath(new URL('./main.ts', import.meta.resolve('@pressferry/vendor-simulator')));
  const start = () =>
    run('vendor', running, (onUnexpectedExit) =>
      startProgram({
        name: 'vendor',
        args: [main, '--port', String(port)],
        cwd: join(main, '..'),
        env: inheritedEnv(env),
        port,
        readyPath: '/_sim/health',
        livePath: '/_sim/health',
        signal,
        onLog: (line) => reporter.log('vendor', line),
        onUnexpectedExit,
      }),
    );
  return reporter.step('vendor simulator', start, (server) => server.url);
}
