import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { waitFor } from '@pressferry/testing';
import { type DatabaseFault, ownerOf, ROLE, restrictedUrl } from '@pressferry/testing/faults';
import { sql } from 'kysely';
import { claimDeliveries } from '../src/db/claim.ts';
import { findDueSites, MAX_SITES } from '../src/db/find-due.ts';
import { startReceiver } from './receiver.ts';
import { addDeliveries, BATCH, soon } from './waiting-deliveries.ts';
import { createWorld, type World, waiting as waitingOf } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

test('a delivery that came with its result is claimed by what the message announces', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using callback = await world.start();
  const ready = async () => (await fetch(`${callback.opsUrl}/readyz`)).status === 200;
  await waitFor(ready, { what: 'readiness' });
  const result = await world.result(site, { publish: false });
  const later = sql<Date>`now() + interval '1 hour'`;
  const { resultId } = result;
  await world.db
    .insertInto('open_deliveries')
    .values({ ...waitingOf(result), due_at: later })
    .execute();
  // No search finds it before the message is on its way.
  await world.publish(result);
  await waitFor(async () => (await (await fetch(`${callback.opsUrl}/metrics`)).text()).includes('"duplicate"} 1'), {
    what: 'the message to be taken in',
  });
  assert.equal(receiver.received.length, 0, 'it is not due');
  await world.db.updateTable('open_deliveries').set({ due_at: new Date() }).where('result_id', '=', resultId).execute();
  await waitFor(async () => (await world.status(resultId)) === 'acknowledged', { what: 'the acknowledgement' });

  const claimed = async (): Promise<boolean> => {
    const next = await world.result(site, { publish: false });
    await world.db.insertInto('open_deliveries').values(waitingOf(next)).execute();
    await world.publish(next);
    await waitFor(async () => (await world.status(next.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
    return /results_total\{outcome="claimed"\} [1-9]/.test(await (await fetch(`${callback.opsUrl}/metrics`)).text());
  };
  await waitFor(claimed, { what: 'a message whose delivery no search found first' });
});

test('of deliveries whose leases have ended, a claim takes over only until its time has come, and later none', async () => {
  const waiting = await addDeliveries(world.db);
  const share = { siteId: waiting[0]?.siteId ?? '', quota: BATCH, floor: '-infinity' };
  const claim = async (takeOverUntil: Date | null) =>
    (await claimDeliveries(world.db, [share], { owner: 'other', leaseMs: 60_000, takeOverUntil })).claims;
  assert.deepEqual(await claim(null), []);
  assert.deepEqual(await claim(new Date(Date.now() - 1_000)), []);
  assert.equal((await claim(soon())).length, BATCH);
  await world.db.deleteFrom('open_deliveries').where('site_id', '=', share.siteId).execute();
});

test('a delivery is not lost when its result cannot be read right behind its claim: it goes on as soon as it can be', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const databaseUrl = world.env.DATABASE_URL ?? '';
  const owner = ownerOf(databaseUrl);
  const unreadable: DatabaseFault = {
    begin: [`revoke select on results from ${ROLE}`],
    end: [`grant select on results to ${ROLE}`],
  };
  await using _callback = await world.start({ DATABASE_URL: await restrictedUrl(databaseUrl), LEASE_MS: '120000' });
  await owner.begin(unreadable);
  const result = await world.result(site, { publish: false });
  await world.db.insertInto('open_deliveries').values(waitingOf(result)).execute();
  await world.publish(result);
  const deliveryOf = () =>
    world.db
      .selectFrom('deliveries')
      .select(['status', 'attempt_count'])
      .where('result_id', '=', result.resultId)
      .executeTakeFirst();
  await waitFor(async () => (await deliveryOf())?.attempt_count === 1, { what: 'the claim' });
  await owner.end(unreadable);
  await waitFor(async () => (await world.status(result.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
  assert.deepEqual(await deliveryOf(), { status: 'acknowledged', attempt_count: 1 });
});

test('a delivery whose result was erased is dropped once it is due', async () => {
  const site = await world.site({ callbackUrl: 'http://127.0.0.1:9/' });
  const resultId = randomUUID();
  await world.db
    .insertInto('open_deliveries')
    .values(waitingOf({ resultId, siteId: site.siteId }))
    .execute();
  await using _callback = await world.start();
  await waitFor(async () => (await world.status(resultId)) === undefined, { what: 'the delivery to be gone' });
});

test('while deliveries of erased results cannot be dropped, others that are claimed with them go on', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const databaseUrl = world.env.DATABASE_URL ?? '';
  const owner = ownerOf(databaseUrl);
  const result = await world.result(site, { publish: false });
  const erased = randomUUID();
  const both = [waitingOf(result), waitingOf({ resultId: erased, siteId: site.siteId })];
  await world.db.insertInto('open_deliveries').values(both).execute();
  const restricted = await restrictedUrl(databaseUrl);
  const undeletable: DatabaseFault = {
    begin: [`revoke delete on open_deliveries from ${ROLE}`],
    end: [`grant delete on open_deliveries to ${ROLE}`],
  };
  await owner.begin(undeletable);
  await using _callback = await world.start({ DATABASE_URL: restricted, LEASE_MS: '120000' });
  await waitFor(() => receiver.received.length > 0, { what: 'the push' });
  await owner.end(undeletable);
  await waitFor(async () => (await world.status(result.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
  assert.equal(receiver.received.length, 1);
  await sql`update open_deliveries set lease_owner = null, lease_until = null where result_id = ${erased}`.execute(
    world.db,
  );
  await waitFor(async () => (await world.status(erased)) === undefined, { what: 'the other to be dropped' });
});

test('a search from the floors finds the sites before, between and behind the known ones, and of these the rows above their floors', async () => {
  const db = await world.db.startTransaction().execute();
  await sql`delete from open_deliveries`.execute(db);
  await sql`insert into open_deliveries (filed_at, result_id, run_id, request_id, completed_at, site_id, due_at)
    select now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 'site-' || site, now() - minutes * interval '1 minute'
    from (values (0, 5), (1, 9), (1, 3), (2, 5), (3, 9), (3, -1), (4, -5), (5, 5)) as delivery (site, minutes)`.execute(
    db,
  );
  const floor = new Date(Date.now() - 4 * 60_000).toISOString();
  const from = new Map(['site-1', 'site-3'].map((siteId) => [siteId, floor]));
  const { due, look } = await findDueSites(db, { failures: 5 }, { after: '', from });
  await db.rollback().execute();
  const minutes = (text: string): number => Math.round((Date.now() - Date.parse(text)) / 60_000);
  const found = Object.fromEntries([...look.floors].map(([siteId, text]) => [siteId, minutes(text)]));
  assert.deepEqual(found, { 'site-0': 5, 'site-1': 3, 'site-2': 5, 'site-5': 5 });
  assert.deepEqual(due, ['site-0', 'site-1', 'site-2', 'site-5']);
});

test('when more sites have something due than one search may find, the next search finds the others', async () => {
  const count = MAX_SITES + 10;
  await sql`insert into open_deliveries (filed_at, result_id, run_id, request_id, completed_at, site_id)
    select now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 'due-' || lpad(number::text, 6, '0') from generate_series(1, ${count}::integer) number
  `.execute(world.db);
  const first = await findDueSites(world.db, { failures: 5 }, { after: '', from: new Map() });
  const second = await findDueSites(world.db, { failures: 5 }, { after: first.next, from: new Map() });
  assert.equal(first.due.length, MAX_SITES);
  assert.equal(new Set([...first.due, ...second.due]).size, count);
  assert.deepEqual([first.look.isWhole, second.look.isWhole, second.next], [false, false, '']);
});
