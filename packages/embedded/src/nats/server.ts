import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { type Child, type Exit, startChild } from '../process/child.ts';
import { poll } from '../process/deadline.ts';
import { waitForOwnerToLeave } from '../process/owner.ts';
import { type Server, startServer } from '../process/server.ts';
import { type ClusterMembership, renderNatsConfig } from './config.ts';

/** Streams are in `storeDir`. */
export interface NatsOptions {
  binary: string;
  storeDir: string;
  /** Another port is used if this one is taken: read `port` of the result. */
  port?: number;
  serverName?: string;
  clusterOf?: ClusterMembership;
  /** Fsyncs before every acknowledgement (default), so acknowledged messages survive a power cut. */
  syncAlways?: boolean;
  /** The server's own default is 1 MiB. */
  maxPayloadBytes?: number;
  monitorPort?: number;
  /** Without it, anyone on this machine may connect. */
  authToken?: string;
  readyTimeoutMs?: number;
  onLog?: (line: string) => void;
  onUnexpectedExit?: (exit: Exit) => void;
}

const GRACE_MS = 10_000;

/** On 127.0.0.1; resolves once it accepts clients, else rejects with its last lines of log. */
export async function startNats(options: NatsOptions): Promise<Server> {
  const { pidFile, configFile } = filesOf(options);
  // nats-server does not stop a second server from writing to the same store.
  await waitForOwnerToLeave(pidFile, configFile, GRACE_MS + 1_000);
  return startServer({
    port: options.port,
    launch: (port) => launch(options, port),
    url: (port) => `nats://127.0.0.1:${port}`,
    onUnexpectedExit: options.onUnexpectedExit,
  });
}

async function launch(options: NatsOptions, port: number): Promise<Child> {
  const {
    binary,
    clusterOf: cluster,
    syncAlways = true,
    monitorPort,
    maxPayloadBytes,
    authToken,
    readyTimeoutMs = 30_000,
    onLog,
  } = options;
  const { storeDir, pidFile, configFile } = filesOf(options);
  const serverName = options.serverName ?? `pressferry-${randomUUID()}`;

  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  const common = { serverName, port, monitorPort, storeDir, pidFile, syncAlways };
  const config = renderNatsConfig({ ...common, maxPayloadBytes, authToken, cluster });
  await writeFile(configFile, config, { mode: 0o600 });

  const child = await startChild({
    command: binary,
    args: ['--config', configFile],
    cwd: storeDir,
    env: {},
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS,
    onLog,
  });
  try {
    await poll(`nats-server to answer on 127.0.0.1:${port}`, () => isReady(child, port, serverName), {
      timeoutMs: readyTimeoutMs,
    });
    return child;
  } catch (cause) {
    await child.kill();
    throw new Error(`nats-server did not start; it said:\n${child.recentLog()}`, { cause });
  }
}

function filesOf(options: NatsOptions) {
  const storeDir = resolve(options.storeDir);
  return { storeDir, pidFile: join(storeDir, 'nats-server.pid'), configFile: join(storeDir, 'nats-server.conf') };
}

async function isReady(child: Child, port: number, serverName: string): Promise<true | undefined> {
  if (!child.running) throw new Error('nats-server exited');
  const greeting = await readGreeting(port);
  // Another server's greeting on this port means that ours is about to exit.
  return greeting?.includes(`"server_name":${JSON.stringify(serverName)}`) ? true : undefined;
}

/** The INFO line that a server sends first, once JetStream is up. */
function readGreeting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (greeting?: string) => {
      socket.destroy();
      resolve(greeting);
    };
    socket.setTimeout(1_000, () => finish());
    socket.once('error', () => finish());
    socket.once('close', () => finish());
    socket.once('data', (data) => finish(data.toString('utf8')));
  });
}
