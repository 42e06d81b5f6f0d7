export { buildOpenApi } from './build.ts';
