export * from './database.ts';
export * from './owner.ts';
