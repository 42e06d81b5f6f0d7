export * from './budgets.ts';
export * from './days.ts';
export * from './forget.ts';
export * from './migrate.ts';
export * from './open.ts';
export * from './retention.ts';
export * from './schema.ts';
export * from './try-out.ts';
