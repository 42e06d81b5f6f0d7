import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { poll } from '../process/deadline.ts';
import { freePort } from '../process/ports.ts';
import type { Server } from '../process/server.ts';
import { type NatsOptions, startNats } from './server.ts';

/** Each node has its own folder in `storeDir`. */
export interface NatsClusterOptions
  extends Pick<NatsOptions, 'binary' | 'storeDir' | 'syncAlways' | 'authToken' | 'onUnexpectedExit'> {
  size?: number;
  readyTimeoutMs?: number;
  onLog?: (line: string, node: number) => void;
}

/** Nodes are numbered from 0. */
export interface NatsCluster extends AsyncDisposable {
  readonly urls: string[];
  readonly nodes: readonly Server[];
  /** SIGKILL. */
  kill(node: number): Promise<void>;
  /** On its port and store; resolves once it accepts clients, which may be before it caught up (see `ready`). */
  restart(node: number): Promise<void>;
  /** The leader of JetStream's metadata; undefined while there is none. */
  metaLeader(): Promise<number | undefined>;
  /** Resolves once the running nodes are healthy and a leader sees each of them; rejects after the timeout. */
  ready(timeoutMs?: number): Promise<void>;
}

/** On 127.0.0.1; resolves once streams can be made on all nodes. */
export async function startNatsCluster(options: NatsClusterOptions): Promise<NatsCluster> {
  const { size = 3, storeDir, readyTimeoutMs = 30_000, onLog, ...common } = options;
  const name = `pressferry-${randomUUID()}`;
  const members = await Promise.all(
    Array.from({ length: size }, async () => ({ routePort: await freePort(), monitorPort: await freePort() })),
  );
  const peerRoutePorts = members.map((member) => member.routePort);

  const starting = members.map(({ routePort, monitorPort }, node) =>
    startNats({
      ...common,
      storeDir: join(storeDir, `node-${node}`),
      serverName: nodeName(node),
      monitorPort,
      clusterOf: { name, routePort, peerRoutePorts },
      readyTimeoutMs,
      ...(onLog ? { onLog: (line: string) => onLog(line, node) } : {}),
    }),
  );
  const nodes = await allOrNone(starting);
  const monitorPorts = members.map((member) => member.monitorPort);
  const runningNodes = () => nodes.flatMap((server, node) => (server.running ? [node] : []));
  const view = (node: number) => metaView(monitorPorts[node] ?? 0);

  const cluster: NatsCluster = {
    urls: nodes.map((node) => node.url),
    nodes,
    kill: async (node) => nodes[node]?.kill(),
    restart: async (node) => nodes[node]?.restart(),
    async metaLeader() {
      const views = await Promise.all(runningNodes().map(view));
      const leader = views.find((seen) => seen?.isLeader)?.name;
      return leader === undefined ? undefined : nodes.findIndex((_, node) => nodeName(node) === leader);
    },
    async ready(timeoutMs = readyTimeoutMs) {
      await poll('the NATS cluster to elect a leader that sees every running node', () => isWhole(runningNodes()), {
        timeoutMs,
      });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
  const isWhole = async (running: number[]) => {
    const healthy = await Promise.all(running.map((node) => isHealthy(monitorPorts[node] ?? 0)));
    const leader = (await Promise.all(running.map(view))).find((seen) => seen?.isLeader);
    return healthy.every(Boolean) && leader && leader.currentPeers >= running.length - 1 ? true : undefined;
  };
  try {
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

const nodeName = (node: number) => `node-${node}`;

async function allOrNone(starting: Promise<Server>[]): Promise<Server[]> {
  const settled = await Promise.allSettled(starting);
  const started = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = settled.find((result) => result.status === 'rejected');
  if (!failed) return started;
  await Promise.all(started.map((server) => server.kill()));
  throw failed.reason;
}

async function isHealthy(monitorPort: number): Promise<boolean> {
  const response = await monitor(monitorPort, '/healthz');
  await response?.body?.cancel();
  return response?.ok === true;
}

interface MetaCluster {
  meta_cluster?: { leader?: string; replicas?: { current: boolean; offline?: boolean }[] };
  server_name?: string;
}

async function metaView(
  monitorPort: number,
): Promise<{ name: string; isLeader: boolean; currentPeers: number } | undefined> {
  const info = await readJson<MetaCluster>(monitor(monitorPort, '/varz'));
  const state = await readJson<MetaCluster>(monitor(monitorPort, '/jsz'));
  if (!info?.server_name || !state?.meta_cluster) return undefined;
  const { leader, replicas = [] } = state.meta_cluster;
  const currentPeers = replicas.filter((replica) => replica.current && !replica.offline).length;
  return { name: info.server_name, isLeader: leader === info.server_name, currentPeers };
}

async function readJson<T>(response: Promise<Response | undefined>): Promise<T | undefined> {
  const answer = await response;
  return answer?.ok ? ((await answer.json()) as T) : undefined;
}

function monitor(port: number, path: string): Promise<Response | undefined> {
  return fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
}
