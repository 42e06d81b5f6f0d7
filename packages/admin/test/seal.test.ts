import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createKeyring, eventBodyContext } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';
import { sql } from 'kysely';
import { SEALED_COLUMNS } from '../src/operate/sealed-columns.ts';
import { createRegistryWorld, type RegistryWorld, SEALING_KEYS } from './registry-world.ts';

const NEW = `new:${Buffer.alloc(32, 9).toString('base64')}`;
const BOTH = { SEALING_KEYS: `${NEW},${SEALING_KEYS}` };
const EVENTS = 23;

let world: RegistryWorld;
const ids = Array.from({ length: EVENTS }, () => randomUUID());
before(async () => {
  world = await createRegistryWorld();
  const { db } = world;
  const old = createKeyring(SEALING_KEYS);
  await db
    .insertInto('sites')
    .values({ site_id: 'shop', issuer: 'https://shop.example', audience: 'pressferry', callback_url: null })
    .execute();
  const sealed = old.seal('the secret of the shop, long enough', secretContext('shop'));
  await db
    .insertInto('site_secrets')
    .values({ secret_id: randomUUID(), site_id: 'shop', sealed_secret: sealed })
    .execute();
  const hmac = {
    site_id: 'shop',
    kid: 'h',
    algorithm: 'HS256' as const,
    public_key: old.seal('key', secretContext('shop')),
  };
  await db.insertInto('site_keys').values(hmac).execute();
  for (const id of ids) {
    const run = randomUUID();
    const result = randomUUID();
    const common = { request_id: id, site_id: 'shop', idempotency_key: randomUUID() };
    const at = new Date();
    const event = { ...common, event_type: 'order.paid', object_ref: '1', occurred_at: at, received_at: at };
    await db
      .insertInto('events')
      .values({
        ...event,
        filed_at: at,
        mode: 'live',
        fingerprint: 'x',
        traceparent: null,
        sealed_body: old.seal(`body ${id}`, eventBodyContext(id)),
      })
      .execute();
    await db
      .insertInto('past_runs')
      .values({ ...common, filed_at: at, run_id: run, automation: 'a', vendor: 'crm', status: 'succeeded' })
      .execute();
    const step = {
      filed_at: at,
      run_id: run,
      position: 0,
      name: 's',
      type: 'http',
      vendor: 'crm',
      status: 'succeeded' as const,
    };
    await db
      .insertInto(ids.indexOf(id) % 2 === 0 ? 'open_steps' : 'past_steps')
      .values({ ...step, sealed_output: old.seal('output', `step:${run}:0`) })
      .execute();
    const body = old.seal(`result ${id}`, `result:${result}`);
    await db
      .insertInto('results')
      .values({
        filed_at: at,
        result_id: result,
        run_id: run,
        request_id: id,
        site_id: 'shop',
        sealed_body: body,
        completed_at: at,
      })
      .execute();
  }
});
after(() => world?.[Symbol.asyncDispose]());

const keysOf = async (): Promise<Record<string, number>> => {
  const { counts } = (await world.json(['seal', 'status'], { env: BOTH })) as {
    counts: { key: string; count: number }[];
  };
  const sums: Record<string, number> = {};
  for (const { key, count } of counts) sums[key] = (sums[key] ?? 0) + count;
  return sums;
};
const ALL = EVENTS * 3 + 2;

test('every column of the database that holds sealed texts is sealed again, and no other', async () => {
  const { rows } = await sql<{ table_name: string; column_name: string }>`
    select distinct table_name, column_name from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and table_type = 'BASE TABLE' and column_name like 'sealed%'`.execute(world.db);
  // Keys of HS256 are sealed in a column that holds public keys otherwise.
  const declared = SEALED_COLUMNS.filter(({ column }) => column !== 'public_key').map(
    ({ table, column }) => `${table}.${column}`,
  );
  const partition = /_(p|y)?\d[\d_]*$|_(default|legacy)$/;
  const found = rows.filter(({ table_name }) => !partition.test(table_name));
  assert.deepEqual(
    found.map(({ table_name, column_name }) => `${table_name}.${column_name}`).toSorted(),
    declared.toSorted(),
  );
});

test('a dry run counts and changes nothing', async () => {
  const { tables } = (await world.json(['seal', 'rotate', '--dry-run'], { env: BOTH })) as {
    tables: { resealed: number }[];
  };
  assert.equal(
    tables.reduce((sum, { resealed }) => sum + resealed, 0),
    ALL,
  );
  assert.deepEqual(await keysOf(), { test: ALL });
});

test('without the old key nothing is lost: what does not open stays, is counted by its key, and ends the command with 4', async () => {
  const output = await world.run(['seal', 'rotate'], { code: 4, env: { SEALING_KEYS: NEW } });
  assert.match(output, /events: 23 do not open \(key test is missing\): put the key back into SEALING_KEYS/);
  assert.deepEqual(await keysOf(), { test: ALL });
});

test('everything is sealed under the first key, and opens with it alone; a second run finds nothing to do', async () => {
  await world.run(['seal', 'rotate', '--batch', '5', '--rate', '100000'], { env: BOTH });
  assert.deepEqual(await keysOf(), { new: ALL });
  const alone = createKeyring(NEW);
  const events = await world.db.selectFrom('events').select(['request_id', 'sealed_body']).execute();
  assert.equal(events.length, EVENTS);
  for (const { request_id: id, sealed_body } of events)
    assert.equal(alone.open(sealed_body, eventBodyContext(id)).toString(), `body ${id}`);
  for (const { result_id: id, sealed_body, request_id } of await world.db.selectFrom('results').selectAll().execute())
    assert.equal(alone.open(sealed_body, `result:${id}`).toString(), `result ${request_id}`);
  for (const { run_id, sealed_output } of await world.db.selectFrom('steps').selectAll().execute())
    assert.equal(alone.open(sealed_output ?? '', `step:${run_id}:0`).toString(), 'output');
  const { tables } = (await world.json(['seal', 'rotate'], { env: BOTH })) as { tables: { resealed: number }[] };
  assert.ok(tables.every(({ resealed }) => resealed === 0));
});

test('a rotation that was cut off goes on where it was, in any order of keys', async () => {
  const back = { SEALING_KEYS: `${SEALING_KEYS},${NEW}` };
  const half = ids.slice(0, 7);
  const [current, other] = [createKeyring(back.SEALING_KEYS), createKeyring(NEW)];
  for (const id of half) {
    const { sealed_body } = await world.db
      .selectFrom('events')
      .select('sealed_body')
      .where('request_id', '=', id)
      .executeTakeFirstOrThrow();
    const text = current.seal(other.open(sealed_body, eventBodyContext(id)), eventBodyContext(id));
    await world.db.updateTable('events').set({ sealed_body: text }).where('request_id', '=', id).execute();
  }
  const { tables } = (await world.json(['seal', 'rotate'], { env: back })) as {
    tables: { table: string; resealed: number }[];
  };
  assert.equal(tables.find(({ table }) => table === 'events')?.resealed, EVENTS - half.length);
  assert.deepEqual(await keysOf(), { test: ALL });
});
