import type { Database } from '@pressferry/database';
import { type Command, Option } from 'commander';
import { sql } from 'kysely';
import { findRequestIds } from '../operate/find-events.ts';
import { readStories } from '../operate/story.ts';
import { type Named, unknownIn } from '../operate/unknown.ts';
import { table } from '../output/table.ts';
import { databaseFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { age, rowCount, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface ListFlags {
  site?: string;
  type?: string;
  since: number;
  limit: number;
  json?: boolean;
}

export function addEvents(program: Command): void {
  const events = program.command('events').description('what became of events (DATABASE_URL)');
  events
    .command('show <id>')
    .description(
      'all that happened to an event: by its request id, idempotency key, a run id, a result id; or an object with --site',
    )
    .option('--site <site-id>', 'the id is an object_ref of this site', siteId)
    .option('--json', 'one JSON document')
    .action((id: string, flags: { site?: string; json?: boolean }) => runCommand(() => show(id, flags)));
  listed(events.command('list').description('list events, newest first'))
    .option('--type <event-type>', 'of one type')
    .action((flags: ListFlags) => runCommand(() => listEvents(flags)));
}

export const listed = (command: Command): Command =>
  command
    .option('--site <site-id>', 'of one site', siteId)
    .addOption(new Option('--since <age>', 'younger than this: 30m, 24h, 7d').argParser(age).default(86_400_000, '24h'))
    .option('--limit <n>', 'at most so many', rowCount, 50)
    .option('--json', 'one JSON document');

async function show(id: string, { site, json }: { site?: string; json?: boolean }): Promise<number> {
  await using db = databaseFrom(process.env);
  const found = await readStories(db, await findRequestIds(db, id, site));
  if (found.length === 0) {
    console.error(
      `no stored event is known as ${id}. It may wait in EVENTS (not taken in yet), have been refused (the log of ingress), or be erased${site === undefined ? '; an object needs --site' : ''}`,
    );
    return EXIT.failed;
  }
  if (json) {
    console.log(
      JSON.stringify(found.map(({ event: { sealed_body: _, ...event }, moments }) => ({ ...event, moments }))),
    );
    return EXIT.done;
  }
  for (const { event, moments } of found) {
    console.log(
      `${event.site_id} ${event.event_type} ${event.object_ref}\nrequest ${event.request_id}, key ${event.idempotency_key}`,
    );
    for (const { at, what, code, remedy } of moments) {
      console.log(`${at.toISOString()}  ${what}${code === undefined ? '' : ` (${code})`}`);
      if (remedy !== undefined) console.log(`${' '.repeat(26)}→ ${remedy}`);
    }
  }
  return EXIT.done;
}

/** Excludes days, so their partitions are not read; events from before there were days stay. */
export const filedSince = (since: number) =>
  sql<boolean>`(filed_at > ${new Date(Date.now() - since)} or filed_at = '-infinity')`;

async function listEvents({ site, type, since, limit, json }: ListFlags): Promise<number> {
  await using db = databaseFrom(process.env);
  let query = db
    .selectFrom('events')
    .select(['received_at', 'site_id', 'event_type', 'object_ref', 'mode', 'request_id', 'idempotency_key'])
    .where('received_at', '>', new Date(Date.now() - since))
    .where(filedSince(since))
    // The same instant, but each day's key has this order.
    .orderBy('filed_at', 'desc')
    .orderBy('received_at', 'desc')
    .limit(limit);
  if (site !== undefined) query = query.where('site_id', '=', site);
  if (type !== undefined) query = query.where('event_type', '=', type);
  const rows = await query.execute();
  if (json) console.log(JSON.stringify(rows));
  if (rows.length === 0)
    return await noneOf({ site, type }, db, json === true ? undefined : 'there are no such events');
  if (json) return EXIT.done;
  const lines = rows.map((row) => [
    row.received_at.toISOString(),
    row.site_id,
    row.event_type,
    row.object_ref,
    row.request_id,
  ]);
  console.log(table(['accepted', 'site', 'type', 'object', 'request'], lines));
  return EXIT.done;
}

/** For an empty list: says which filter names something that does not exist. */
export async function noneOf(named: Named, db: Database, says: string | undefined): Promise<number> {
  const unknown = await unknownIn(named, db);
  if (unknown !== undefined) console.error(unknown);
  else if (says !== undefined) console.log(says);
  return unknown === undefined ? EXIT.done : EXIT.failed;
}
