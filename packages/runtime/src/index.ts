export * from './config.ts';
export * from './event-body.ts';
export * from './keyring.ts';
export * from './logger.ts';
export * from './ops-server.ts';
export * from './run.ts';
export * from './trace.ts';
