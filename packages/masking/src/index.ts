export { maskText, maskValue } from './mask.ts';
