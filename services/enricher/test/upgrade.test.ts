import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { requestId, runId } from '@pressferry/contracts';
import { type Database, migrate, migrateUpTo, openDatabase } from '@pressferry/database';
import { createKeyring, eventBodyContext } from '@pressferry/runtime';
import { startTestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SEALING_KEYS, SUMMARY, startWorld, vendorsYaml } from './world.ts';

const keyring = createKeyring(SEALING_KEYS);

interface Left {
  run: 'pending' | 'running' | 'waiting' | 'failed' | 'succeeded';
  key: string;
}

/** Writes an event with a run as the release of migration 0062 did, with a result that is not published if the run is over. */
async function leave(db: Database, { run, key }: Left): Promise<void> {
  const request = requestId('site-a', key);
  const data = { title: 'Harbour news', content: 'The new ferry sails every hour.' };
  const body = {
    event_type: 'post.published',
    object_ref: '17',
    idempotency_key: key,
    occurred_at: '2026-11-20T10:00:00Z',
    data,
  };
  const sealed = keyring.seal(JSON.stringify(body), eventBodyContext(request));
  const isOver = run === 'failed' || run === 'succeeded';
  await sql`
    with event as (
      insert into events (request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint, sealed_body)
      values (${request}, 'site-a', ${key}, 'post.published', '17', now(), now(), 'live', 'none', ${sealed})
    ), run as (
      insert into runs (run_id, request_id, site_id, idempotency_key, automation, vendor, status, failure_code, failed_step, lease_owner,
        lease_until, due_at)
      values (${runId(request, 'summarize-post')}, ${request}, 'site-a', ${key}, 'summarize-post', 'llm', ${run},
        case when ${run} = 'failed' then 'vendor_refused' end, case when ${run} = 'failed' then 'summary' end,
        case when ${run} = 'running' then 'gone' end, case when ${run} = 'running' then now() end, now())
    ), step as (
      insert into steps (run_id, position, name, type, vendor, status, attempt_count)
      values (${runId(request, 'summarize-post')}, 0, 'summary', 'llm', 'llm', case when ${isOver} then ${run} else 'pending' end,
        case when ${run} = 'pending' then 0 else 1 end)
    )
    insert into results (result_id, run_id, request_id, site_id, sealed_body, completed_at)
    select ${randomUUID()}, ${runId(request, 'summarize-post')}, ${request}, 'site-a', 'none', now() where ${isOver}`.execute(
    db,
  );
}

test('what the release before left goes on after the upgrade: open runs end, results are published, a repeat has no effect', async () => {
  const runs = ['pending', 'running', 'waiting', 'failed', 'succeeded'] as const;
  const keys = new Map(runs.map((run) => [run, randomUUID()]));
  const prepare = async (url: string): Promise<void> => {
    await using db = openDatabase({ url, applicationName: 'prepare' });
    await migrateUpTo(db, '0062-enrolment');
    for (const [run, key] of keys) await leave(db, { run, key });
    await migrate(db);
  };
  await using postgres = await startTestPostgres({ prepare });
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  for (const run of ['pending', 'running', 'waiting'] as const)
    assert.equal((await world.result(requestId('site-a', keys.get(run) ?? ''), 'summarize-post')).status, 'succeeded');
  assert.equal(world.vendors.ledger().effects, 3);
  const unpublished = () =>
    world.db.selectFrom('results').select('result_id').where('published_at', 'is', null).execute();
  await waitFor(async () => (await unpublished()).length === 0, { what: 'the results to be published' });
  const [letter] = await world.deadLetters(1);
  assert.equal(letter?.requestId, requestId('site-a', keys.get('failed') ?? ''));

  await world.send({ key: keys.get('succeeded') ?? '' });
  await waitFor(() => world.log.some((line) => /"outcome":"(conflict|duplicate)"/.test(line)), { what: 'the repeat' });
  assert.equal(world.vendors.ledger().effects, 3);
  assert.equal((await world.db.selectFrom('runs').select('run_id').execute()).length, 5);
});
