export { type NatsCluster, type NatsClusterOptions, startNatsCluster } from './cluster.ts';
export type { ClusterMembership } from './config.ts';
export { type ResolveOptions, resolveNatsServer } from './resolve.ts';
export { type NatsOptions, startNats } from './server.ts';
export { PINNED_NATS_VERSION } from './version.ts';
