import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { encodeResult, REPLAY_HEADER, resultSubject, shardOf } from '@pressferry/contracts';
import type { Command } from 'commander';
import { databaseFrom, natsFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { positive } from './options.ts';
import { runCommand } from './run.ts';

interface Flags {
  site?: string;
  shards: number;
  limit: number;
}

/** `pressferry deliveries retry` */
export function addDeliveries(program: Command): void {
  program
    .command('deliveries')
    .description('results on their way to their sites (DATABASE_URL, NATS_URL)')
    .command('retry [result-id...]')
    .description(
      'push again: deliveries that were given up start again, those that wait for their next try are due now',
    )
    .option('--site <site-id>', 'every delivery of a site that is given up or waits')
    .option('--shards <n>', 'as EVENTS_SHARDS of the services', positive, 1)
    .option('--limit <n>', 'at most so many', positive, 1_000)
    .action((resultIds: string[], flags: Flags) => runCommand(() => retry(resultIds, flags)));
}

async function retry(resultIds: readonly string[], { site, shards, limit }: Flags): Promise<number> {
  if ((resultIds.length === 0) === (site === undefined)) {
    console.error('name results, or a site with --site: pressferry events show <request>');
    return EXIT.usage;
  }
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  let query = db
    .selectFrom('deliveries')
    .innerJoin('results', 'results.result_id', 'deliveries.result_id')
    .select([
      'deliveries.result_id',
      'deliveries.status',
      'results.run_id',
      'results.request_id',
      'results.site_id',
      'results.completed_at',
    ])
    .where('deliveries.status', 'in', ['dead', 'pending'])
    .orderBy('results.completed_at')
    .limit(limit);
  query =
    site === undefined
      ? query.where('deliveries.result_id', 'in', [...resultIds])
      : query.where('results.site_id', '=', site);
  const found = await query.execute();
  const js = jetstream(connection.nats);
  for (const row of found) {
    if (row.status === 'pending') continue;
    const nonce = randomUUID();
    const head = headers();
    head.set('Nats-Msg-Id', `replay:${nonce}`);
    head.set(REPLAY_HEADER, nonce);
    const { result_id: resultId, run_id: runId, request_id: requestId, site_id: siteId, completed_at } = row;
    const message = encodeResult({ resultId, runId, requestId, siteId, completedAtMs: completed_at.getTime() });
    await js.publish(resultSubject(shardOf(siteId, shards), siteId), message, { headers: head });
  }
  const waiting = found.filter(({ status }) => status === 'pending').map(({ result_id }) => result_id);
  if (waiting.length > 0) {
    await db
      .updateTable('deliveries')
      .set({ due_at: new Date() })
      .where('result_id', 'in', waiting)
      .where('status', '=', 'pending')
      .where('due_at', '>', new Date())
      .execute();
  }
  console.log(`${found.length - waiting.length} begun anew, ${waiting.length} due now`);
  const missing = resultIds.filter((id) => !found.some(({ result_id }) => result_id === id));
  for (const id of missing) console.error(`${id} is not a delivery that was given up or waits`);
  return missing.length === 0 ? EXIT.done : missing.length === resultIds.length ? EXIT.failed : EXIT.partly;
}
