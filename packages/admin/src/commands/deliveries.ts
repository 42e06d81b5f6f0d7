import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { encodeResult, REPLAY_HEADER, resultSubject, shardOf } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Command } from 'commander';
import { sql } from 'kysely';
import { throughFilters } from '../operate/through-filters.ts';
import { unknownIn } from '../operate/unknown.ts';
import { databaseFrom, natsFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { positive, resultIds, rowCount, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface Flags {
  site?: string;
  shards: number;
  limit: number;
  json?: boolean;
}

export function addDeliveries(program: Command): void {
  program
    .command('deliveries')
    .description('results on their way to their sites (DATABASE_URL, NATS_URL)')
    .command('retry')
    .argument('[result-id...]', 'their ids', resultIds)
    .description(
      'push again: deliveries that were given up start again, those that wait for their next try are due now',
    )
    .option('--site <site-id>', 'every delivery of a site that is given up or waits', siteId)
    .option('--shards <n>', 'as EVENTS_SHARDS of the services', positive, 1)
    .option('--limit <n>', 'at most so many', rowCount, 1_000)
    .option('--json', 'one JSON document')
    .action((named: string[] | undefined, flags: Flags) => runCommand(() => retry(named ?? [], flags)));
}

async function retry(named: readonly string[], { site, shards, limit, json }: Flags): Promise<number> {
  if ((named.length === 0) === (site === undefined)) {
    console.error('name results, or a site with --site: pressferry events show <request>');
    return EXIT.usage;
  }
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const found = await findDeliveries(db, site === undefined ? { resultIds: named } : { site }, limit);
  const unknown = found.length === 0 ? await unknownIn({ site }, db) : undefined;
  if (unknown !== undefined) {
    console.error(unknown);
    return EXIT.failed;
  }
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
      .updateTable('open_deliveries')
      .set({ due_at: sql`now()` })
      .where('result_id', 'in', waiting)
      .where('status', '=', 'pending')
      .where('due_at', '>', sql<Date>`now()`)
      .execute();
  }
  const missing = named.filter((id) => !found.some(({ result_id }) => result_id === id));
  if (json) {
    const begun = found.filter(({ status }) => status === 'dead').map(({ result_id }) => result_id);
    console.log(JSON.stringify({ begun_again: begun, due_now: waiting, refused: missing }));
  } else {
    console.log(`${found.length - waiting.length} begun again, ${waiting.length} due now`);
    for (const id of missing) console.error(`${id} is not a delivery that was given up or waits`);
  }
  return missing.length === 0 ? EXIT.done : missing.length === named.length ? EXIT.failed : EXIT.partly;
}

/** Waiting ones, then dead ones, oldest first. */
async function findDeliveries(db: Database, by: { resultIds: readonly string[] } | { site: string }, limit: number) {
  const columns = ['result_id', 'run_id', 'request_id', 'site_id', 'completed_at'] as const;
  const waiting = db.selectFrom('open_deliveries').select(columns).where('status', '=', 'pending');
  const open = await ('site' in by
    ? waiting.where('site_id', '=', by.site)
    : waiting.where('result_id', 'in', [...by.resultIds])
  )
    .orderBy('completed_at')
    .limit(limit)
    .execute();
  const givenUp = (on: Database) =>
    on
      .selectFrom('results')
      .innerJoin('past_deliveries as past', (join) =>
        join.onRef('past.filed_at', '=', 'results.filed_at').onRef('past.result_id', '=', 'results.result_id'),
      )
      .select(columns.map((column) => `results.${column}` as const))
      .where('past.status', '=', 'dead')
      .orderBy('results.completed_at')
      .limit(Math.max(0, limit - open.length));
  const dead = await ('site' in by
    ? givenUp(db).where('past.site_id', '=', by.site).execute()
    : throughFilters(db, (tx) =>
        givenUp(tx)
          .where('results.result_id', 'in', [...by.resultIds])
          .execute(),
      ));
  return [
    ...open.map((row) => ({ ...row, status: 'pending' as const })),
    ...dead.map((row) => ({ ...row, status: 'dead' as const })),
  ];
}
