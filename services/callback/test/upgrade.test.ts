import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { REPLAY_HEADER, requestId, resultId, runId } from '@pressferry/contracts';
import { migrate } from '@pressferry/database';
import { waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { startReceiver } from './receiver.ts';
import { createWorld, keyring, type World } from './world.ts';

/** Writes a finished run with its delivery as the release of migration 0062 did. */
async function leave({ db }: World, siteId: string, delivery: string | null) {
  const key = randomUUID();
  const request = requestId(siteId, key);
  const run = runId(request, 'summarize');
  const id = resultId(run);
  const sealed = keyring.seal(JSON.stringify({ result_id: id, request_id: request }), `result:${id}`);
  const isOver = delivery !== 'pending' && delivery !== 'held';
  await sql`
    with event as (
      insert into events (request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint, sealed_body)
      values (${request}, ${siteId}, ${key}, 'form.submitted', '1', now(), now(), 'live', 'none', 'none')
    ), run as (
      insert into runs (run_id, request_id, site_id, idempotency_key, automation, status) values (${run}, ${request}, ${siteId}, ${key}, 'summarize', 'succeeded')
    ), delivered as (
      insert into deliveries (result_id, site_id, status, attempt_count, finished_at)
      select ${id}, ${siteId}, ${delivery}, 1, case when ${isOver} then now() end where ${delivery}::text is not null
    )
    insert into results (result_id, run_id, request_id, site_id, sealed_body, completed_at, published_at)
    values (${id}, ${run}, ${request}, ${siteId}, ${sealed}, now(), now())`.execute(db);
  return { filedAt: Number.NEGATIVE_INFINITY, resultId: id, requestId: request, runId: run, siteId, traceparent: '' };
}

test('what the release before left is pushed, polled and replayed after the upgrade, and nothing is pushed twice', async () => {
  await using world = await createWorld({ upTo: '0062-enrolment' });
  await using receiver = await startReceiver();
  const siteId = 'site-of-before';
  const open = [
    await leave(world, siteId, 'pending'),
    await leave(world, siteId, 'held'),
    // Its message was not taken in yet.
    await leave(world, siteId, null),
  ];
  const dead = await leave(world, siteId, 'dead');
  const over = [await leave(world, siteId, 'acknowledged'), await leave(world, siteId, 'polled')];
  await migrate(world.db);
  // Registered now, because the registry knows the tables of today only.
  const site = await world.site({ siteId, callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using callback = await world.start();
  const until = (id: string, status: string) =>
    waitFor(async () => (await world.status(id)) === status, { what: `${id} to be ${status}` });
  for (const { resultId: id } of open) await until(id, 'acknowledged');
  for (const result of [...open, dead, ...over]) await world.publish(result);
  await world.publish(dead, { [REPLAY_HEADER]: randomUUID() });
  await until(dead.resultId, 'acknowledged');
  assert.equal(receiver.received.length, 4);

  const headers = { authorization: `Bearer ${world.token(site)}` };
  const page = (await (await fetch(`${callback.apiUrl}/results`, { headers })).json()) as { results: unknown[] };
  assert.equal(page.results.length, 6);
  const one = await fetch(`${callback.apiUrl}/results/${dead.requestId}`, {
    headers: { authorization: `Bearer ${world.token(site)}` },
  });
  assert.equal(one.status, 200);
});
