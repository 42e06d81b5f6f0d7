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
export const readTimeline = async (db: Database, requestId: string) => (await readTimelines(db, [requestId]))[0];

/** As of one moment, in the ids' order; without those that are not stored. */
export const readTimelines = (db: Database, requestIds: readonly string[]) =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((snapshot) => readParts(snapshot, requestIds));

/** The number of statements does not depend on that of the events. */
async function readParts(db: Database, requestIds: readonly string[]) {
  if (requestIds.length === 0) return [];
  const keys = await db.selectFrom('event_keys').select('filed_at').where('request_id', 'in', requestIds).execute();
  if (keys.length === 0) return [];
  // An event's rows are in the partitions of its day.
  const days = [...new Map(keys.map(({ filed_at }) => [filed_at.valueOf(), filed_at])).values()];
  const events = await db
    .selectFrom('events')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('request_id', 'in', requestIds)
    .execute();
  const runs = await readRuns(db, days, requestIds);
  return requestIds.flatMap((id) => {
    const event = events.find(({ request_id }) => request_id === id);
    return event === undefined ? [] : [{ event, runs: runs.filter(({ request_id }) => request_id === id) }];
  });
}

async function readRuns(db: Database, days: readonly (Date | number)[], requestIds: readonly string[]) {
  const runs = await db
    .selectFrom('runs')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('request_id', 'in', requestIds)
    .orderBy('automation')
    .execute();
  const runIds = runs.map(({ run_id }) => run_id);
  if (runIds.length === 0) return [];
  const steps = await db
    .selectFrom('steps')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('run_id', 'in', runIds)
    .orderBy('position')
    .execute();
  const calls = await db
    .selectFrom('step_attempts')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('run_id', 'in', runIds)
    .execute();
  const results = await readResults(db, days, requestIds);
  return runs.map((run) => {
    const isOfRun = ({ run_id }: { run_id: string }): boolean => run_id === run.run_id;
    const result = results.find(isOfRun);
    return {
      ...run,
      steps: steps.filter(isOfRun),
      calls: calls.filter(isOfRun),
      ...(result ?? { result: undefined, delivery: undefined, attempts: [] }),
    };
  });
}

async function readResults(db: Database, days: readonly (Date | number)[], requestIds: readonly string[]) {
  const results = await db
    .selectFrom('results')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('request_id', 'in', requestIds)
    .execute();
  const resultIds = results.map(({ result_id }) => result_id);
  if (resultIds.length === 0) return [];
  const deliveries = await db
    .selectFrom('deliveries')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('result_id', 'in', resultIds)
    .execute();
  const attempts = await db
    .selectFrom('attempts')
    .selectAll()
    .where('filed_at', 'in', days)
    .where('result_id', 'in', resultIds)
    .orderBy('attempt')
    .execute();
  return results.map((result) => {
    const isOfResult = ({ result_id }: { result_id: string }): boolean => result_id === result.result_id;
    return {
      run_id: result.run_id,
      result,
      delivery: deliveries.find(isOfResult),
      attempts: attempts.filter(isOfResult),
    };
  });
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
