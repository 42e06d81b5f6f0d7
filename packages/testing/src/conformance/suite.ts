import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { refuse } from '../faults/index.ts';
import { signalTree } from '../journey/process-tree.ts';
import { waitFor } from '../wait-for.ts';
import { OUTAGES, refuseRow } from './faults.ts';
import { openRun, type Run } from './run.ts';
import type { WorkerUnderTest } from './subject.ts';

/** A kill may leave at most this lease: work in flight is resumed within 15 s. */
const LONGEST_LEASE_MS = 12_000;
/** Shorter than a fault lasts: a lease that is still held was renewed. */
const SHORT_LEASE_MS = 2_000;
const FAULT_LASTS_MS = 3_000;
const GRACE_MS = 4_000;

type Open = () => Promise<WorkerUnderTest>;

/** The guarantees of every service that is built on `packages/worker`. */
export function testWorker(open: Open): void {
  takesUpAfterKill(open);
  keepsWhatTakesLong(open);
  leavesWhatAnotherLeased(open);
  takesNothingFromTheLiving(open);
  outlastsDatabaseFaults(open);
  setsAsideOnePoison(open);
  finishesWithinGrace(open);
  givesBackBeyondGrace(open);
  acknowledgesNothingUnstored(open);
}

function takesUpAfterKill(open: Open): void {
  test('what was in flight at a kill is leased for 12 s more at the most, and then taken up by another process', async () => {
    await using run = await openRun(open);
    const first = await run.start();
    run.subject.outside.hold();
    const works = await run.give(4);
    await run.untilInFlight(works);
    await run.start();
    const { table } = run.subject.queue;
    first.service.signal('SIGKILL');
    await first.exit;
    const leases = await run.owner.read<{ left_ms: number }>(
      `select (extract(epoch from lease_until - now()) * 1000)::float8 as left_ms from ${table} where lease_owner is not null`,
    );
    assert.equal(leases.length, works.length);
    for (const { left_ms: leftMs } of leases) assert.ok(leftMs <= LONGEST_LEASE_MS, `a lease of ${leftMs} ms`);
    run.subject.outside.answer('accept');
    assert.ok(
      works.every((work) => run.subject.outside.requests(work) === 1),
      'work was taken up under a lease',
    );
    await run.owner.run(`update ${table} set lease_until = now() where lease_owner is not null`);
    await run.untilDone(works);
    for (const work of works) assert.ok(run.subject.outside.requests(work) <= 2, 'a request more than was in flight');
    assert.deepEqual(await run.messages.deadLetters(), []);
  });
}

function keepsWhatTakesLong(open: Open): void {
  test('work that takes three times its lease is neither taken up nor done a second time', async () => {
    await using run = await openRun(open);
    const { subject } = run;
    await run.start({ LEASE_MS: String(SHORT_LEASE_MS) });
    subject.outside.hold();
    const works = await run.give(2);
    await run.untilInFlight(works);
    await run.start({ LEASE_MS: String(SHORT_LEASE_MS) });
    const begunAtMs = performance.now();
    await waitFor(() => performance.now() - begunAtMs > 3 * SHORT_LEASE_MS, { what: 'the work to take long' });
    subject.outside.answer('accept');
    await run.untilDone(works);
    await run.assertOnce(works);
  });
}

function leavesWhatAnotherLeased(open: Open): void {
  test('a worker whose lease another one took records nothing, and the work is recorded once', async () => {
    await using run = await openRun(open);
    const { subject, owner } = run;
    const { table, key } = subject.queue;
    const { service } = await run.start();
    subject.outside.hold();
    const [work] = await run.give(1);
    assert.ok(work);
    await run.untilInFlight([work]);
    await owner.run(
      `update ${table} set lease_owner = 'another', lease_until = now() + interval '1 hour', due_at = now() + interval '1 hour'
       where ${key} = '${work.id}'`,
    );
    const rowOf = () => owner.read(`select * from ${table} where ${key} = '${work.id}'`);
    const [taken] = await rowOf();
    const attempts = await subject.attempts(work);
    subject.outside.answer(subject.lateAnswer);
    const isSeen = (): boolean =>
      /"(outcome":"superseded|delivery":"lost)"/.test(readFileSync(service.logFile, 'utf8'));
    await waitFor(isSeen, { what: 'the log line that the lease was lost' });
    assert.deepEqual((await rowOf())[0], taken);
    assert.equal(await subject.attempts(work), attempts);
    assert.equal(await subject.isDone(work), false);

    subject.outside.answer('accept');
    await owner.run(`update ${table} set lease_until = now(), due_at = now() where ${key} = '${work.id}'`);
    await run.untilDone([work]);
    assert.equal(subject.outside.requests(work), 2);
    assert.deepEqual(await run.messages.deadLetters(), []);
  });
}

function takesNothingFromTheLiving(open: Open): void {
  const LEASE = { LEASE_MS: String(SHORT_LEASE_MS) };
  const stalls: Record<string, (run: Run) => Promise<void>> = {
    'a lock of their table, with a worker that begins meanwhile': ({ subject, owner, start }) =>
      owner.whileLocked(subject.queue.table, async () => {
        await start(LEASE);
        await time(FAULT_LASTS_MS);
      }),
    'a pause of Postgres, with claims on their way': async ({ subject: { postgres }, start }) => {
      await start(LEASE);
      signalTree(postgres.pid, 'SIGSTOP');
      await time(FAULT_LASTS_MS);
      signalTree(postgres.pid, 'SIGCONT');
    },
  };
  for (const [name, stall] of Object.entries(stalls))
    test(`nothing is taken from a worker that lives, though its leases end in ${name}`, async () => {
      await using run = await openRun(open);
      const { subject, owner } = run;
      await run.start(LEASE);
      subject.outside.hold();
      const works = await run.give(2);
      await run.untilInFlight(works);
      await stall(run);
      const held = `select 1 from ${subject.queue.table} where lease_until > now()`;
      await waitFor(async () => (await owner.read(held)).length === works.length, { what: 'the leases to be renewed' });
      subject.outside.answer('accept');
      await run.untilDone(works);
      await run.assertOnce(works);
    });
}

async function time(ms: number): Promise<void> {
  const begunAtMs = performance.now();
  await waitFor(() => performance.now() - begunAtMs > ms, { what: 'time to pass' });
}

function outlastsDatabaseFaults(open: Open): void {
  for (const fault of OUTAGES) {
    test(`while the database ${fault.name}, nothing is given up, no attempt is spent, and all is well again by itself`, async () => {
      await using run = await openRun(open);
      const { subject } = run;
      const { service, exit } = await run.start({ LEASE_MS: String(SHORT_LEASE_MS) });
      await run.untilDone(await run.give(1));
      subject.outside.hold();
      const inFlight = await run.give(3);
      const later = await subject.prepare(5);
      await run.untilInFlight(inFlight);
      await fault.begin(subject, run.owner);
      try {
        subject.outside.answer('accept');
        for (const work of later) await subject.send(work);
        const begunAtMs = performance.now();
        await waitFor(() => performance.now() - begunAtMs > FAULT_LASTS_MS, { what: 'the fault to last' });
      } finally {
        await fault.end(subject, run.owner);
      }
      await run.untilDone([...inFlight, ...later]);
      await run.assertOnce([...inFlight, ...later]);
      assert.equal(await run.messages.repeats(), 0, 'messages that were delivered again');
      service.signal('SIGTERM');
      assert.equal(await exit, 0);
    });
  }
}

function setsAsideOnePoison(open: Open): void {
  test('a row that alone cannot be stored fails alone: it is a whole dead letter, and its batch goes on', async () => {
    await using run = await openRun(open);
    const { subject } = run;
    const works = await subject.prepare(21);
    const [poison] = works.splice(10, 1);
    assert.ok(poison);
    await run.owner.begin(refuseRow(subject, poison.intakeId));
    // Before the start, so they come in one batch.
    for (const work of works.toSpliced(10, 0, poison)) await subject.send(work);
    await run.start();
    await run.untilDone(works);
    const [letter, ...others] = await waitFor(
      async () => ((letters) => (letters.length > 0 ? letters : null))(await run.messages.deadLetters()),
      { what: 'the dead letter' },
    );
    assert.deepEqual(others, []);
    assert.match(letter?.reason ?? '', /_unstorable$/);
    assert.equal(letter?.tries, 1);
    assert.equal(letter?.streamSequence, 11);
    assert.deepEqual(Buffer.from(letter?.message ?? []), Buffer.from(poison.message));
    for (const work of works) assert.equal(subject.outside.requests(work), 1);
  });
}

function finishesWithinGrace(open: Open): void {
  test('at a shutdown what is in flight is finished or given back within the grace, and nothing is lost', async () => {
    await using run = await openRun(open);
    const { subject, owner } = run;
    const { table } = subject.queue;
    const first = await run.start({ SHUTDOWN_GRACE_MS: String(GRACE_MS) });
    subject.outside.hold();
    const finished = await run.give(2);
    await run.untilInFlight(finished);
    const waiting = await run.give(4);
    first.service.signal('SIGTERM');
    const stoppedAtMs = performance.now();
    await waitFor(() => performance.now() - stoppedAtMs > GRACE_MS / 4, { what: 'the work to take a while yet' });
    subject.outside.answer('accept');
    await run.untilDone(finished, GRACE_MS);
    assert.equal(await first.exit, 0);
    assert.ok(performance.now() - stoppedAtMs < GRACE_MS);
    assert.deepEqual(await owner.read(`select * from ${table} where lease_owner is not null`), []);

    await run.start();
    await run.untilDone(waiting);
    await run.assertOnce([...finished, ...waiting]);
  });
}

function givesBackBeyondGrace(open: Open): void {
  test('at a shutdown what would take longer than the grace is given back, its attempt not counted', async () => {
    await using run = await openRun(open);
    const { subject, owner } = run;
    const first = await run.start({ SHUTDOWN_GRACE_MS: String(GRACE_MS) });
    subject.outside.hold();
    const works = await run.give(3);
    await run.untilInFlight(works);
    first.service.signal('SIGTERM');
    const stoppedAtMs = performance.now();
    assert.equal(await first.exit, 0);
    assert.ok(performance.now() - stoppedAtMs < GRACE_MS);
    assert.deepEqual(await owner.read(`select * from ${subject.queue.table} where lease_owner is not null`), []);
    for (const work of works) assert.equal(await subject.attempts(work), 0);

    subject.outside.answer('accept');
    await run.start();
    await run.untilDone(works);
    for (const work of works) assert.deepEqual([subject.outside.requests(work), await subject.attempts(work)], [2, 1]);
  });
}

function acknowledgesNothingUnstored(open: Open): void {
  test('at a shutdown what the database does not take is not acknowledged, calls in flight are given back in the same grace, and another process does both', async () => {
    await using run = await openRun(open);
    const { subject, owner, messages } = run;
    const first = await run.start({ SHUTDOWN_GRACE_MS: String(GRACE_MS) });
    subject.outside.hold();
    const inFlight = await run.give(2);
    await run.untilInFlight(inFlight);
    const works = await subject.prepare(3);
    const fault = refuse(subject.intake.table, { sqlState: '53100' });
    await owner.begin(fault);
    for (const work of works) await subject.send(work);
    await waitFor(async () => (await messages.inHand()) === works.length, { what: 'the messages to be taken' });
    first.service.signal('SIGTERM');
    assert.equal(await first.exit, 0);
    assert.equal(await messages.open(), works.length);
    assert.deepEqual(await owner.read(`select * from ${subject.queue.table} where lease_owner is not null`), []);
    await owner.end(fault);
    subject.outside.answer('accept');
    await run.start();
    await run.untilDone([...works, ...inFlight]);
    await run.assertOnce(works);
  });
}
