export * from './erase.ts';
export * from './target.ts';
