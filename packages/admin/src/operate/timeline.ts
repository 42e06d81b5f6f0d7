import type { Database } from '@pressferry/database';

/** From its storing to the end of its deliveries. */
export type Timeline = NonNullable<Awaited<ReturnType<typeof readTimeline>>>;
export type TimelineRun = Timeline['runs'][number];

/** Of a site's object, or all since an instant; oldest first. */
export async function findEvents(
  db: Database,
  siteId: string,
  by: { objectRef: string } | { storedSince: Date },
): Promise<string[]> {
  const events = db.selectFrom('events').select('request_id').where('site_id', '=', siteId).orderBy('stored_at');
  const found =
    'objectRef' in by
      ? events.where('object_ref', '=', by.objectRef)
      : events.where('stored_at', '>=', by.storedSince).limit(1_000);
  return (await found.execute()).map(({ request_id }) => request_id);
}

/** As of one moment; undefined if it is not stored. */
export const readTimeline = (db: Database, requestId: string) =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((snapshot) => readParts(snapshot, requestId));

async function readParts(db: Database, requestId: string) {
  const key = await db.selectFrom('event_keys').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  if (key === undefined) return undefined;
  // An event's rows are in the partitions of its day.
  const { filed_at } = key;
  const event = await db
    .selectFrom('events')
    .selectAll()
    .where('filed_at', '=', filed_at)
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  if (event === undefined) return undefined;
  const rows = db
    .selectFrom('runs')
    .selectAll()
    .where('filed_at', '=', filed_at)
    .where('request_id', '=', requestId)
    .orderBy('automation');
  const runs = [];
  for (const run of await rows.execute()) runs.push({ ...run, ...(await partsOfRun(db, filed_at, run.run_id)) });
  return { event, runs };
}

async function partsOfRun(db: Database, filedAt: Date | number, runId: string) {
  const steps = await db
    .selectFrom('steps')
    .selectAll()
    .where('filed_at', '=', filedAt)
    .where('run_id', '=', runId)
    .orderBy('position')
    .execute();
  const result = await db
    .selectFrom('results')
    .selectAll()
    .where('filed_at', '=', filedAt)
    .where('run_id', '=', runId)
    .executeTakeFirst();
  if (result === undefined) return { steps, result, delivery: undefined, attempts: [] };
  const { result_id: id } = result;
  const delivery = await db
    .selectFrom('deliveries')
    .selectAll()
    .where('filed_at', '=', filedAt)
    .where('result_id', '=', id)
    .executeTakeFirst();
  const attempts = await db
    .selectFrom('attempts')
    .selectAll()
    .where('filed_at', '=', filedAt)
    .where('result_id', '=', id)
    .orderBy('attempt')
    .execute();
  return { steps, result, delivery, attempts };
}

const isOver = ({ status }: { status: string }): boolean => status === 'succeeded' || status === 'failed';

/** True once nothing more happens by itself. A dry run makes no result. */
export const isSettled = ({ event, runs }: Timeline): boolean =>
  runs.every(
    (run) =>
      isOver(run) &&
      (event.mode === 'dry_run' ||
        (run.delivery !== undefined && (run.delivery.finished_at !== null || run.delivery.status === 'held'))),
  );

/** Undefined if each result was acknowledged. */
export function shortcoming({ event, runs }: Timeline): string | undefined {
  if (runs.length === 0) return `no automation runs for ${event.event_type}`;
  for (const run of runs) {
    if (run.status !== 'succeeded') {
      const failure = run.failure_code === null ? '' : ` at step ${run.failed_step} (${run.failure_code})`;
      return `run ${run.automation} is ${run.status}${failure}`;
    }
    if (run.delivery === undefined) return `the result of ${run.automation} has not become a delivery`;
    if (run.delivery.status !== 'acknowledged') {
      const last = run.attempts.at(-1);
      const tried = last === undefined ? '' : `, last attempt: ${last.failure_code ?? last.status_code}`;
      return `the delivery of ${run.automation} is ${run.delivery.status}${tried}`;
    }
  }
  return undefined;
}
