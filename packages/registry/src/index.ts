export * from './publish.ts';
export * from './read.ts';
export * from './rounds.ts';
export * from './write.ts';
