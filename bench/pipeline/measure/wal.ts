import type { DatabaseMeter } from './postgres.ts';

/** What one table or index, those of all days together, wrote to the WAL. */
export interface WalShare {
  name: string;
  records: number;
  /** Images of pages that changed for the first time since a checkpoint. */
  fullPages: number;
  fullPageBytes: number;
  /** Rows and index entries themselves. */
  dataBytes: number;
}

/** Begins to count, as Postgres' own; the returned function ends it, most bytes first. */
export async function startWal({ query }: DatabaseMeter): Promise<() => Promise<WalShare[]>> {
  await query('create extension if not exists pg_walinspect');
  // Only flushed WAL can be read.
  const place = async (): Promise<string> =>
    String((await query('select pg_current_wal_flush_lsn()::text as place'))[0]?.place);
  const from = await place();
  return async () => {
    const to = await place();
    const rows = await query(
      `select coalesce(regexp_replace(relname, '_\\d{8}', '_DAY'), 'other') as name, count(*)::float8 as records,
         count(*) filter (where block_fpi_length > 0)::float8 as "fullPages", coalesce(sum(block_fpi_length), 0)::float8 as "fullPageBytes",
         coalesce(sum(block_data_length), 0)::float8 as "dataBytes"
       from pg_get_wal_block_info('${from}', '${to}', false)
         left join pg_class on pg_class.relfilenode = pg_get_wal_block_info.relfilenode and relforknumber = 0
       group by 1 order by coalesce(sum(block_fpi_length), 0) + coalesce(sum(block_data_length), 0) desc`,
    );
    return rows as unknown as WalShare[];
  };
}
