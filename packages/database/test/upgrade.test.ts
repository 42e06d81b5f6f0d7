import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setInterval } from 'node:timers/promises';
import { startTestPostgres, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { type Database, dropOldDays, LiveWorkers, migrate, migrateUpTo, openDatabase, readDays } from '../src/index.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startTestPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const EACH = 40;

/** Rows as the release before wrote them: every state of a run, with every state of a delivery or none. */
async function fill(db: Database): Promise<void> {
  await sql.raw(FILL).execute(db);
}

const FILL = `
  create temporary table case_of as
    select md5('e' || n || run || delivery)::uuid as request_id, md5('r' || n || run || delivery)::uuid as run_id,
      md5('d' || n || run || delivery)::uuid as result_id, 'site-' || n % 7 as site_id, run, delivery, n
    from generate_series(1, ${EACH}) n,
      (values ('pending', ''), ('running', ''), ('waiting', ''), ('failed', 'pending'), ('failed', 'dead'), ('succeeded', 'pending'),
        ('succeeded', 'held'), ('succeeded', 'acknowledged'), ('succeeded', 'polled'), ('succeeded', 'none')) as state (run, delivery);
  insert into events (request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint, sealed_body)
    select request_id, site_id, md5(request_id::text)::uuid, 'post.published', n::text, now(), now() - n * interval '1 hour', 'live', 'f', 'b' || n
    from case_of;
  insert into runs (run_id, request_id, site_id, idempotency_key, automation, vendor, status, failure_code, lease_owner, lease_until,
      started_at, finished_at)
    select run_id, request_id, site_id, md5(request_id::text)::uuid, 'a', 'llm', run, case run when 'failed' then 'vendor_refused' end,
      case run when 'running' then 'gone' end, case run when 'running' then now() end, now(), case when delivery <> '' then now() end
    from case_of;
  insert into steps (run_id, position, name, type, vendor, status, attempt_count, sealed_output)
    select run_id, position, 's' || position, 'llm', 'llm', case when delivery <> '' then run when position = 0 then 'succeeded' else 'pending' end,
      position, 'output'
    from case_of, generate_series(0, 1) position;
  insert into step_attempts (run_id, position, attempt, started_at, duration_ms, outcome) select run_id, 1, 1, now(), 1, 'retry' from case_of;
  insert into results (result_id, run_id, request_id, site_id, sealed_body, completed_at, published_at)
    select result_id, run_id, request_id, site_id, 'result', now(), case when run = 'succeeded' then now() end from case_of where delivery <> '';
  insert into deliveries (result_id, site_id, status, attempt_count, replays, finished_at)
    select result_id, site_id, delivery, 2, array['nonce'], case when delivery in ('dead', 'acknowledged', 'polled') then now() end
    from case_of where delivery not in ('', 'none');
  insert into attempts (result_id, attempt, started_at, duration_ms, outcome)
    select result_id, attempt, now(), 1, 'retry' from case_of, generate_series(1, 2) attempt where delivery not in ('', 'none');`;

/** Every row of every table, as JSON; without the columns that the upgrade changes: due times of claimed runs, and the deliveries that it makes. */
async function everything(db: Database): Promise<Record<string, unknown[]>> {
  const tables = {
    events: '*',
    runs: 'run_id, request_id, site_id, idempotency_key, automation, vendor, status, failure_code, failed_step, created_at, started_at, finished_at',
    steps: '*',
    step_attempts: '*',
    results: 'result_id, run_id, request_id, site_id, commit_xid, sealed_body, completed_at, published_at',
    deliveries: 'result_id, site_id, status, attempt_count, failure_code, replays, created_at, finished_at',
    attempts: '*',
  };
  const found: Record<string, unknown[]> = {};
  for (const [table, columns] of Object.entries(tables)) {
    const { rows } = await sql<{ row: Record<string, unknown> }>`
      select to_jsonb(t) - 'filed_at' as row from (select ${sql.raw(columns)} from ${sql.raw(table)}) t
      order by 1`.execute(db);
    found[table] = rows.map(({ row }) => row);
  }
  return found;
}

test('an upgrade from tables that are filled keeps every row, open work open, and makes the deliveries that are missing', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  await migrateUpTo(db, '0062-enrolment');
  await fill(db);
  const before = await everything(db);
  assert.deepEqual((await migrate(db)).slice(0, 2), ['0070-open-work', '0071-day-partitions']);
  const after = await everything(db);
  const made = (after.deliveries ?? []).filter((row) => (row as { attempt_count: number }).attempt_count === 0);
  assert.equal(made.length, EACH);
  assert.deepEqual({ ...after, deliveries: (after.deliveries ?? []).filter((row) => !made.includes(row)) }, before);
  const count = async (what: string) =>
    (await sql<{ n: number }>`select count(*)::int n from ${sql.raw(what)}`.execute(db)).rows[0]?.n;
  assert.equal(await count('open_runs'), 3 * EACH);
  assert.equal(await count('open_steps'), 6 * EACH);
  assert.equal(await count("open_deliveries where status = 'pending'"), 3 * EACH);
  assert.equal(await count("open_deliveries where status = 'held' and attempts_told = 2"), EACH);
  assert.equal(await count('event_keys join events using (filed_at, request_id)'), 10 * EACH);
});

test('the rows from before there were days are dropped in one piece: not while one is open, and not before the youngest event is old', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  await migrateUpTo(db, '0062-enrolment');
  await fill(db);
  await migrate(db);
  const kept = { days: 0, events: 0, keptDays: 1, busyDays: 0 };
  assert.deepEqual(await dropOldDays(db, { days: 1 }), { ...kept, keptDays: 0 });
  await sql`update events set received_at = received_at - interval '2 days'`.execute(db);
  assert.deepEqual(await dropOldDays(db, { days: 1 }), kept);
  await sql`truncate open_runs, open_steps, open_deliveries`.execute(db);
  assert.deepEqual(await dropOldDays(db, { days: 1 }), kept, 'results are not published');
  await sql`update results set published_at = now()`.execute(db);
  assert.deepEqual(await dropOldDays(db, { days: 1 }), { ...kept, days: 1, events: 10 * EACH, keptDays: 0 });
  assert.ok((await readDays(db)).every(({ suffix }) => suffix !== '_legacy'));
});

test('an upgrade that no service can work through is refused, with the remedy, while one works; and is made once it is stopped', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  await migrateUpTo(db, '0062-enrolment');
  await fill(db);
  await using worker = openDatabase({ url: database.url, applicationName: 'worker', poolSize: 1 });
  await sql`insert into worker_probes (worker, probed_at) values ('callback', now() - interval '1 hour')`.execute(db);
  const stopped = new AbortController();
  const probe = () =>
    sql`insert into worker_probes values ('enricher', now()) on conflict (worker) do update set probed_at = now()`.execute(
      worker,
    );
  // Late, as after a pause of Postgres: the service works, and goes on probing.
  await sql`insert into worker_probes values ('enricher', now() - interval '8 seconds')`.execute(db);
  const probing = (async () => {
    for await (const _ of setInterval(500, undefined, { signal: stopped.signal })) await probe();
  })().catch(() => undefined);
  await assert.rejects(
    migrate(db),
    (error) => error instanceof LiveWorkers && /enricher must be stopped.*scale/.test(error.message),
  );
  assert.equal((await sql`select from runs where status = 'pending'`.execute(db)).rows.length, EACH);
  stopped.abort();
  await probing;
  assert.ok((await migrate(db)).includes('0071-day-partitions'));
});
