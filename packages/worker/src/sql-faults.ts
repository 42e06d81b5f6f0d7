// Data exceptions, and violations of a constraint.
const ROW_FAULT = /^2[23][0-9A-Z]{3}$/;

/**
 * True if a failed statement may be the fault of the row that it wrote. Only SQLSTATE classes 22 and 23 are; whatever else fails (a
 * database that is read-only, full, locked, not migrated, short of a privilege, gone) is the database's fault, and passes.
 */
export function isRowFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && ROW_FAULT.test(error.code);
}
