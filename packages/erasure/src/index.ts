export { isAddress } from './addresses.ts';
export * from './erase.ts';
export type { EraseDeps, Erased } from './model.ts';
export * from './target.ts';
