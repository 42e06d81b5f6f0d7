export { type PostgresOptions, startPostgres } from './server.ts';
