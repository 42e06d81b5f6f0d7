type Ask = (sql: string) => Promise<{ rows: readonly unknown[] }>;

/**
 * Of these tables by day, the partitions that `work` looks into, on one connection, which `ask` must use too; sorted.
 */
export async function daysRead(ask: Ask, tables: readonly string[], work: () => Promise<unknown>): Promise<string[]> {
  const scans = async (): Promise<Map<string, number>> => {
    await ask('select pg_stat_force_next_flush()');
    const { rows } = await ask(
      'select relname as partition, (seq_scan + coalesce(idx_scan, 0))::float8 as scans from pg_stat_user_tables',
    );
    return new Map((rows as { partition: string; scans: number }[]).map(({ partition, scans }) => [partition, scans]));
  };
  const before = await scans();
  await work();
  const after = await scans();
  return [...after.keys()]
    .filter((partition) => tables.includes(partition.slice(0, -'_20261126'.length)))
    .filter((partition) => after.get(partition) !== before.get(partition))
    .toSorted();
}
