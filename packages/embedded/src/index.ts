export * from './nats/index.ts';
export * from './postgres/index.ts';
export type { Exit } from './process/child.ts';
export { freePort } from './process/ports.ts';
export type { Server } from './process/server.ts';
