// Data exceptions and violated constraints.
const ROW_FAULT = /^2[23][0-9A-Z]{3}$/;
// Connections, transactions, schemas, rights, resources, locks, operators, the system; damaged files or indexes.
const DATABASE_FAULT = /^(?:(?:08|0A|25|26|28|3D|3F|40|42|53|55|57|58)[0-9A-Z]{3}|XX00[12])$/;

/**
 * True if a failed statement may be its row's fault: SQLSTATE classes 22 and 23. Every other failure (read-only, full,
 * locked, not migrated, missing privilege, gone) is the database's and passes.
 */
export const isRowFault = (error: unknown): boolean => ROW_FAULT.test(sqlStateOf(error));

/**
 * True if it cannot be its row's, even if others are stored: a nearly full disk refuses only large rows. Neither this
 * nor `isRowFault`: a limit that only this row exceeds, or a trigger that refuses it.
 */
export const isDatabaseFault = (error: unknown): boolean => DATABASE_FAULT.test(sqlStateOf(error));

const sqlStateOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
