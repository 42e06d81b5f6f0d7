import { isRowFault } from './sql-faults.ts';

/**
 * Writes rows in one statement, all or none; resolves to how many changed. A row that is itself at fault (`isRowFault`)
 * fails alone, found by halving. Rejects if the database fails otherwise, or if `onRefused` does.
 */
export async function writeApart<T>(
  rows: readonly T[],
  write: (rows: readonly T[]) => Promise<number>,
  onRefused: (row: T, error: unknown) => Promise<void>,
): Promise<number> {
  const [first] = rows;
  if (first === undefined) return 0;
  try {
    return await write(rows);
  } catch (error) {
    if (!isRowFault(error)) throw error;
    if (rows.length === 1) {
      await onRefused(first, error);
      return 0;
    }
  }
  const middle = Math.ceil(rows.length / 2);
  const before = await writeApart(rows.slice(0, middle), write, onRefused);
  return before + (await writeApart(rows.slice(middle), write, onRefused));
}
