export * from './bucket.ts';
export * from './directory/index.ts';
export * from './record.ts';
export * from './replay.ts';
export * from './site.ts';
export * from './token.ts';
