import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type DeadLetterMessage, decodeDeadLetter } from '@pressferry/contracts';
import { createLogger, type Logger } from '@pressferry/runtime';
import { waitFor } from '@pressferry/testing';
import { type RawBuilder, sql } from 'kysely';
import { lockResults } from '../src/db/lock-results.ts';
import { sweepResults } from '../src/db/sweep.ts';
import { startReceiver } from './receiver.ts';
import { createWorld, type TestResult, type World, waitsForResults } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, { what: `the delivery to be ${status}` });

/** Plants a check that refuses deliveries. */
async function refuseDeliveries(condition: RawBuilder<unknown>): Promise<void> {
  await sql`create function refuse_delivery() returns trigger language plpgsql as $$
    begin
      if ${condition} then raise check_violation using message = 'refused by the test'; end if;
      return new;
    end $$`.execute(world.db);
  await sql`create trigger refuse_delivery before insert on open_deliveries
    for each row execute function refuse_delivery()`.execute(world.db);
}

const takeDeliveries = () => sql`drop function if exists refuse_delivery cascade`.execute(world.db);

/** The dead letters of a site. */
async function lettersOf(siteId: string): Promise<DeadLetterMessage[]> {
  const manager = await jetstreamManager(world.connection.nats);
  const { state } = await manager.streams.info('DEADLETTERS');
  const letters: DeadLetterMessage[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await manager.direct.getMessage('DEADLETTERS', { seq });
    if (message !== null && message.seq === seq) letters.push(decodeDeadLetter(message.data));
  }
  return letters.filter((letter) => letter.siteId === siteId);
}

/** A logger that writes nowhere but into `lines`. */
function recordingLogger(lines: string[]): Logger {
  const logger = createLogger('callback', 'debug');
  const stream = Object.getOwnPropertySymbols(logger).find(({ description }) => description === 'pino.stream');
  if (stream === undefined) throw new Error('pino has no stream');
  Object.assign(logger, { [stream]: { write: (line: string) => void lines.push(line) } });
  return logger;
}

test('a result whose message was lost gets its delivery anyway, however old it is', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const lost = [await world.result(site, { publish: false }), await world.result(site, { publish: false })];
  await world.db
    .updateTable('results')
    .set({ commit_xid: '17', completed_at: new Date('2026-01-01') })
    .where('result_id', '=', lost[0]?.resultId ?? '')
    .execute();
  await sql`update delivery_sweep set place = '0'`.execute(world.db);
  await using _callback = await world.start({ SWEEP_AFTER_MS: '500' });
  for (const result of lost) await until(result, 'acknowledged');
  assert.equal(receiver.received.length, 2);
});

test('a result whose delivery Postgres refuses becomes a dead letter, and the others that have none get theirs', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  const refused = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const lines: string[] = [];
  const before = await world.result(site, { publish: false });
  const bad = await world.result(refused, { publish: false });
  const after = await world.result(site, { publish: false });
  await refuseDeliveries(sql`new.site_id = ${sql.lit(refused.siteId)}`);
  try {
    await using _callback = await world.start({ SWEEP_AFTER_MS: '500' }, { logger: recordingLogger(lines) });
    for (const result of [before, after]) await until(result, 'acknowledged');
    const letters = await waitFor(
      async () => {
        const found = await lettersOf(refused.siteId);
        return found.length > 0 ? found : null;
      },
      { what: 'the dead letter' },
    );
    assert.deepEqual(
      letters.map(({ runId, reason }) => [runId, reason]),
      [[bad.runId, 'delivery_unstorable']],
    );
    const said = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'result.unstorable');
    assert.deepEqual(
      said.map(({ level, result_id }) => [level, result_id]),
      [['error', bad.resultId]],
    );
  } finally {
    await takeDeliveries();
  }
});

test('while Postgres refuses every delivery no result is given up: each gets its delivery later', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const lines: string[] = [];
  const results = [await world.result(site, { publish: false }), await world.result(site, { publish: false })];
  await refuseDeliveries(sql`true`);
  try {
    await using _callback = await world.start({ SWEEP_AFTER_MS: '500' }, { logger: recordingLogger(lines) });
    await waitFor(() => lines.some((line) => line.includes('"housekeeping.interrupted"')), { what: 'the refusal' });
    await takeDeliveries();
    for (const result of results) await until(result, 'acknowledged');
    assert.deepEqual(await lettersOf(site.siteId), []);
  } finally {
    await takeDeliveries();
  }
});

test('a result that is polled while the sweep finds it without a delivery gets none', async () => {
  const site = await world.site();
  const { filedAt: filed_at, resultId: result_id } = await world.result(site, { publish: false });
  let isSwept = false;
  const { sweep } = await world.db.transaction().execute(async (tx) => {
    await lockResults(tx, [{ filed_at: new Date(filed_at).toISOString(), result_id }]);
    await tx
      .insertInto('past_deliveries')
      .values({ filed_at, result_id, site_id: site.siteId, status: 'polled', finished_at: new Date() })
      .execute();
    const sweep = sweepResults(world.db, 0, async () => true).finally(() => {
      isSwept = true;
    });
    await waitFor(async () => isSwept || (await waitsForResults(world.db)), { what: 'the sweep to wait' });
    return { sweep };
  });
  await sweep;
  assert.deepEqual(
    await world.db.selectFrom('open_deliveries').select('result_id').where('result_id', '=', result_id).execute(),
    [],
  );
});
