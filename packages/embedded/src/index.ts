export * from './nats/index.ts';
export * from './postgres/index.ts';
export { type Child, type Exit, signalGroup, startChild } from './process/child.ts';
export { poll } from './process/deadline.ts';
export { type LockAttempt, tryLock } from './process/lock.ts';
export { freePort, isPortFree } from './process/ports.ts';
export { type Server, startServer } from './process/server.ts';
export { watchParent } from './process/watchdog.ts';
