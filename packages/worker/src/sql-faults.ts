// Data exceptions and constraint violations.
const ROW_FAULT = /^2[23][0-9A-Z]{3}$/;

/**
 * True if a failed statement may be its row's fault: SQLSTATE classes 22 and 23. Every other failure (read-only, full,
 * locked, not migrated, missing privilege, gone) is the database's and passes.
 */
export const isRowFault = (error: unknown): boolean => ROW_FAULT.test(sqlStateOf(error));

const sqlStateOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
