import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runId } from '@pressferry/contracts';
import { dropOldDays, forgetOldRows } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { readQueue } from '../src/db/queue.ts';
import { startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const automation = (steps: string, result = '{}'): string => `${vendorsYaml()}
automations:
  - name: own
    on: [order.paid]
    steps:
${steps}
    result: ${result}
`;

const JSON_OF_ORDER =
  '{"order_id":9007199254740993,"total":12.5,"lines":[{"sku":"a","quantity":2},{"sku":"b","quantity":1}]}';

const sendOrder = (world: World, siteId = 'site-a'): Promise<string> =>
  world.send({ type: 'order.paid', json: JSON_OF_ORDER, siteId });

test('a transform step builds a value of templates and CEL, which later steps and the result read; no vendor is called', async () => {
  await using world = await startWorld(postgres);
  await world.start(
    automation(
      `
      - name: sums
        type: transform
        value:
          cents: { $cel: 'event.data.total * 100' }
          skus: { $cel: 'event.data.lines.filter(line, line.quantity > 1.0).map(line, line.sku)' }
          order: { $value: event.data.order_id }
          same_order: { $cel: event.data.order_id }
          text: 'order {{ event.data.order_id }}'
      - { name: next, type: transform, value: { $cel: "steps.sums.output.skus + ['z']" } }`,
      "{ sums: { $value: steps.sums.output }, next: '{{ steps.next.output }}' }",
    ),
  );
  const text = await world.resultText(await sendOrder(world), 'own');
  assert.match(
    text,
    /"output":\{"sums":\{"cents":1250,"skus":\["a"\],"order":9007199254740993,"same_order":9007199254740993,"text":"order 9007199254740993"\},"next":"a, z"\}/,
  );
  assert.deepEqual(world.vendors.ledger().entries, []);
});

test('a value that cannot be built fails the step after one attempt, and the log names its path and nothing of the event', async () => {
  await using world = await startWorld(postgres);
  await world.start(
    automation(`
      - { name: sums, type: transform, value: { list: [{ cents: { $cel: 'event.data.nothing_there * 100' } }] } }`),
  );
  const result = await world.result(await sendOrder(world), 'own');
  assert.deepEqual(result.error, { code: 'template_failed', step: 'sums' });
  const [line] = world.log.filter((text) => text.includes('"step.attempted"')).map((text) => JSON.parse(text));
  assert.match(line?.detail, /^value\.list\[0\]\.cents is unusable/);
  assert.equal(line?.attempt, 1);
});

test("a step that failed to build a value is the automation's to go on from", async () => {
  await using world = await startWorld(postgres);
  await world.start(
    automation(
      `
      - { name: sums, type: transform, on_error: { fallback: { cents: 0 } }, value: { $cel: 'event.data.nothing_there' } }`,
      '{ cents: { $value: steps.sums.output.cents } }',
    ),
  );
  assert.deepEqual((await world.result(await sendOrder(world), 'own')).output, { cents: 0 });
});

const waitingRun = (world: World, request: string) =>
  waitFor(
    () =>
      world.db
        .selectFrom('open_runs')
        .selectAll()
        .where('run_id', '=', runId(request, 'own'))
        .where('status', '=', 'waiting')
        .executeTakeFirst(),
    { what: 'the run to wait' },
  );

/** A run is due at its instant, or so much later as it took to be stored. */
function assertDueAt(run: { due_at: Date }, instantMs: number, begunAtMs: number): void {
  const lateMs = run.due_at.getTime() - instantMs;
  assert.ok(lateMs >= 0 && lateMs <= Date.now() - begunAtMs, `${lateMs} ms late`);
}

/** Has the time of a waiting run pass. */
const passTime = (world: World, request: string, seconds: number) =>
  sql`with run as (update open_runs set due_at = due_at - ${seconds} * interval '1 second' where run_id = ${runId(request, 'own')})
    update open_steps set started_at = started_at - ${seconds} * interval '1 second' where run_id = ${runId(request, 'own')}`.execute(
    world.db,
  );

const HOUR = automation(
  `
      - { name: later, type: delay, for: PT1H }
      - { name: done, type: transform, value: { waited: '{{ steps.later.output.until }}' } }`,
  "{ waited: '{{ steps.done.output.waited }}' }",
);

test('a delayed run holds no lease, outlives its process, and goes on at its time in another one', async () => {
  await using world = await startWorld(postgres);
  const first = await world.start(HOUR);
  const request = await sendOrder(world);
  const run = await waitingRun(world, request);
  assert.deepEqual([run.lease_owner, run.lease_until], [null, null]);
  const step = await world.db
    .selectFrom('open_steps')
    .selectAll()
    .where('name', '=', 'later')
    .executeTakeFirstOrThrow();
  const untilMs = (step.started_at?.getTime() ?? 0) + 3_600_000;
  assertDueAt(run, untilMs, untilMs - 3_600_000);
  await first[Symbol.asyncDispose]();

  await world.start(HOUR);
  await passTime(world, request, 3_000);
  assert.equal((await waitingRun(world, request)).status, 'waiting');
  await passTime(world, request, 600);
  const result = await world.result(request, 'own');
  assert.equal(result.output.waited, new Date(untilMs - 3_600_000).toISOString());
  const steps = await world.db
    .selectFrom('past_steps')
    .select(['name', 'attempt_count', 'lost_count'])
    .orderBy('position')
    .execute();
  assert.deepEqual(
    steps.map(({ name, attempt_count, lost_count }) => [name, attempt_count, lost_count]),
    [
      ['later', 1, 0],
      ['done', 1, 0],
    ],
  );
});

test('waiting runs hold no slot: more of them than there are places delay no other run', async () => {
  await using world = await startWorld(postgres);
  await world.start(
    `${HOUR}
  - name: quick
    on: [post.published]
    steps: [{ name: one, type: transform, value: 1 }]
    result: { one: { $value: steps.one.output } }
`,
  );
  const requests = await Promise.all(Array.from({ length: 40 }, () => sendOrder(world)));
  for (const request of requests) await waitingRun(world, request);
  assert.deepEqual((await world.result(await world.send(), 'quick')).output, { one: 1 });
  assert.deepEqual((await readQueue(world.db)).waiting, { delay: 40, approval: 0 });
});

test('until takes an instant of the event, goes on at once if it is past, and fails if it is none or more than 30 days away', async () => {
  await using world = await startWorld(postgres);
  await world.start(
    automation(
      `
      - { name: later, type: delay, until: "timestamp(event.data.starts_at) - duration('1h')" }`,
      "{ until: '{{ steps.later.output.until }}' }",
    ),
  );
  const send = (starts_at: unknown) => world.send({ type: 'order.paid', data: { starts_at } });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

  const past = await world.result(await send('2026-01-01T10:00:00Z'), 'own');
  assert.deepEqual(past.output, { until: '2026-01-01T09:00:00.000Z' });
  for (const wrong of ['tomorrow', 7, inDays(31)]) {
    const { error } = await world.result(await send(wrong), 'own');
    assert.deepEqual(error, { code: 'template_failed', step: 'later' }, String(wrong));
  }
  const soon = inDays(29);
  const sentAtMs = Date.now();
  const run = await waitingRun(world, await send(soon));
  assertDueAt(run, Date.parse(soon) - 3_600_000, sentAtMs);
});

test('a run whose time comes while its site is paused waits for the site', async () => {
  await using world = await startWorld(postgres);
  await world.start(HOUR);
  const request = await sendOrder(world);
  await waitingRun(world, request);
  await world.setSites('paused', 'site-a');
  await passTime(world, request, 3_700);
  const other = await sendOrder(world, 'site-b');
  await waitingRun(world, other);
  await passTime(world, other, 3_700);
  await world.result(other, 'own');
  assert.equal((await waitingRun(world, request)).status, 'waiting');
  await world.setSites('active', 'site-a');
  assert.equal((await world.result(request, 'own')).status, 'succeeded');
});

test('retention keeps the day of a run that waits, and the run goes on under its definition although the file has lost it', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(HOUR, { AUTOMATIONS_RELOAD_MS: '50', UNKNOWN_GRACE_MS: '100' });
  const tenDaysAgo = Date.now() - 10 * 86_400_000;
  const request = await world.send({ type: 'order.paid', json: JSON_OF_ORDER, receivedAtMs: tenDaysAgo });
  await waitingRun(world, request);
  await rewrite(`${vendorsYaml()}\nautomations: []`);
  await waitFor(async () => world.log.some((line) => line.includes('"automations.changed"')) || undefined, {
    what: 'the automation to be gone',
  });
  const removed = await dropOldDays(world.db, { days: 5 });
  assert.deepEqual([removed.events, removed.keptDays], [0, 1]);
  assert.equal((await forgetOldRows(world.db, { days: 5 })).versions, 0);
  await passTime(world, request, 3_600);
  assert.equal((await world.result(request, 'own')).status, 'succeeded');
});
