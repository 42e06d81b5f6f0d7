export * from './advisories.ts';
export * from './apply.ts';
export * from './connection.ts';
export * from './consume.ts';
export * from './measure.ts';
export type { Position } from './position.ts';
export * from './publisher.ts';
export * from './room.ts';
export * from './went-back.ts';
