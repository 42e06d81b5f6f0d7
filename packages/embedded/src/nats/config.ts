/** The cluster's name, this node's route port, and all nodes' route ports. */
export interface ClusterMembership {
  name: string;
  routePort: number;
  peerRoutePorts: number[];
}

export interface NatsConfig {
  serverName: string;
  port: number;
  monitorPort?: number | undefined;
  storeDir: string;
  pidFile: string;
  syncAlways: boolean;
  maxPayloadBytes?: number | undefined;
  authToken?: string | undefined;
  cluster?: ClusterMembership | undefined;
}

/** Every listener is on 127.0.0.1. Strings are quoted as JSON, which the format accepts. */
export function renderNatsConfig(config: NatsConfig): string {
  const {
    serverName,
    port,
    monitorPort,
    storeDir,
    pidFile,
    syncAlways,
    maxPayloadBytes = 1_048_576,
    authToken,
    cluster,
  } = config;
  const lines = [
    `server_name: ${JSON.stringify(serverName)}`,
    `listen: "127.0.0.1:${port}"`,
    `pid_file: ${JSON.stringify(pidFile)}`,
    `max_payload: ${maxPayloadBytes}`,
    // By default the server calls fsync every two minutes: a power cut could lose an acknowledged event.
    `jetstream { store_dir: ${JSON.stringify(storeDir)}${syncAlways ? ', sync_interval: always' : ''} }`,
  ];
  if (monitorPort !== undefined) lines.push(`http: "127.0.0.1:${monitorPort}"`);
  if (authToken !== undefined) lines.push(`authorization { token: ${JSON.stringify(authToken)} }`);
  if (cluster) {
    const routes = cluster.peerRoutePorts.map((peer) => `"nats-route://127.0.0.1:${peer}"`).join(', ');
    lines.push(
      `cluster { name: ${JSON.stringify(cluster.name)}, listen: "127.0.0.1:${cluster.routePort}", routes: [${routes}] }`,
    );
  }
  return `${lines.join('\n')}\n`;
}
