import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createLatch, waitFor } from '@pressferry/testing';
import { type BatcherOptions, BatcherStopped, createBatcher, UnstorableRow } from './batcher.ts';

const failure = (code: string): Error => Object.assign(new Error('refused'), { code });
const rowFault = (): Error => failure('22021');
const outage = (): Error => failure('25006');

interface Row {
  id: string;
  size?: number;
}
type Options = BatcherOptions<Row, string>;

/** A batcher over a table that takes everything, unless told otherwise; keeps what it was asked to write. */
function open(options: Partial<Options> = {}) {
  const batches: string[][] = [];
  const held: number[] = [];
  let suspicions = 0;
  const stop = new AbortController();
  const batcher = createBatcher<Row, string>({
    writeCanary: async () => undefined,
    keyOf: ({ id }) => id,
    sizeOf: ({ size = 0 }) => size,
    health: { suspect: () => suspicions++, untilUp: async () => undefined },
    stop: stop.signal,
    onHeld: (_error, rows) => void held.push(rows),
    ...options,
    limits: { maxRows: 3, maxSize: 100, gapMs: 0, retry: { baseMs: 1, capMs: 4 }, ...options.limits },
    write: async (rows) => {
      batches.push(rows.map(({ id }) => id));
      if (options.write !== undefined) return options.write(rows);
      return rows.map(({ id }) => `stored ${id}`);
    },
  });
  const writeAll = (...rows: (Row | string)[]) =>
    Promise.allSettled(rows.map((row) => batcher.write(typeof row === 'string' ? { id: row } : row)));
  return { batcher, batches, held, stop, suspicions: () => suspicions, writeAll };
}

const outcomes = (settled: PromiseSettledResult<string>[]) =>
  settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.name));

test('what comes together is written together, within the limits, and each caller gets the outcome of its own row', async () => {
  const { batches, writeAll } = open();
  const settled = await writeAll('a', 'b', 'c', 'd');
  assert.deepEqual(outcomes(settled), ['stored a', 'stored b', 'stored c', 'stored d']);
  assert.deepEqual(batches.splice(0), [['a', 'b', 'c'], ['d']]);
  await writeAll({ id: 'e', size: 80 }, { id: 'f', size: 80 }, { id: 'g', size: 500 });
  assert.deepEqual(batches, [['e'], ['f'], ['g']]);
});

test('two rows of one key are never in one batch', async () => {
  const { batches, writeAll } = open();
  await writeAll('a', 'a', 'b');
  assert.deepEqual(batches, [['a', 'b'], ['a']]);
});

test('a row of a group with none waiting is in the next batch, whatever another group has waiting', async () => {
  const first = createLatch();
  const { batcher, batches } = open({
    groupOf: ({ id }) => id.slice(0, 1),
    write: async (rows) => {
      await first.wait();
      return rows.map(({ id }) => id);
    },
  });
  const written = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'].map((id) => batcher.write({ id }));
  await waitFor(() => batches.length === 1, { what: 'the first batch' });
  written.push(batcher.write({ id: 'b0' }), batcher.write({ id: 'b1' }));
  first.open();
  await Promise.all(written);
  assert.deepEqual(batches, [['a0', 'a1', 'a2'], ['a3', 'b0', 'a4'], ['b1', 'a5', 'a6'], ['a7']]);
});

test('a lone row is written at once, whatever the gap', async () => {
  const { batcher } = open({ limits: { gapMs: 3_600_000 } });
  assert.equal(await batcher.write({ id: 'a' }), 'stored a');
});

test('a flood is written in batches no closer than the gap', async () => {
  const { batcher, batches } = open({ limits: { gapMs: 60, maxRows: 10 } });
  const startedAtMs = performance.now();
  await batcher.write({ id: 'a' });
  await Promise.all(['b', 'c', 'd'].map((id) => batcher.write({ id })));
  assert.ok(performance.now() - startedAtMs >= 55);
  assert.deepEqual(batches, [['a'], ['b', 'c', 'd']]);
});

test('a row that no one waits for lingers for others', async () => {
  const { batcher, batches } = open({ lingerMs: () => 60 });
  const startedAtMs = performance.now();
  await Promise.all([batcher.write({ id: 'a' }), turn().then(() => batcher.write({ id: 'b' }))]);
  assert.ok(performance.now() - startedAtMs >= 55);
  assert.deepEqual(batches, [['a', 'b']]);
});

test('rows that linger are written at once when there are enough for a batch', async () => {
  const { batcher, batches, writeAll } = open({ lingerMs: () => 3_600_000 });
  const first = batcher.write({ id: 'a' });
  await turn();
  await Promise.all([first, writeAll('b', 'c')]);
  assert.deepEqual(batches, [['a', 'b', 'c']]);
});

test('one row at fault fails alone, once another was taken in its place', async () => {
  let canaries = 0;
  const { writeAll, held } = open({
    limits: { maxRows: 8 },
    writeCanary: async () => void canaries++,
    write: async (rows) => {
      if (rows.some(({ id }) => id === 'bad')) throw rowFault();
      return rows.map(({ id }) => id);
    },
  });
  const settled = await writeAll('a', 'b', 'c', 'd', 'e', 'bad', 'f', 'g');
  assert.deepEqual(outcomes(settled), ['a', 'b', 'c', 'd', 'e', 'UnstorableRow', 'f', 'g']);
  const [bad] = settled.filter((one) => one.status === 'rejected');
  assert.ok(bad?.reason instanceof UnstorableRow && bad.reason.cause instanceof Error);
  assert.equal(canaries, 1);
  assert.deepEqual(held, []);
});

test('a fault that looks like the row is not blamed on it while the database takes no other row either', async () => {
  let isBroken = true;
  const { batcher, writeAll, held } = open({
    write: async (rows) => {
      if (isBroken) throw rowFault();
      return rows.map(({ id }) => id);
    },
    writeCanary: async () => {
      if (isBroken) throw rowFault();
    },
  });
  const writing = writeAll('a', 'b');
  await waitFor(() => held.length > 0, { what: 'the rows to be held' });
  assert.ok(batcher.held() > 0);
  isBroken = false;
  assert.deepEqual(outcomes(await writing), ['a', 'b']);
  assert.equal(batcher.held(), 0);
});

test('a fault that passes between a row and its canary is not blamed on the row', async () => {
  let isBroken = true;
  const { writeAll } = open({
    write: async (rows) => {
      if (isBroken) throw rowFault();
      return rows.map(({ id }) => id);
    },
    writeCanary: async () => {
      isBroken = false;
    },
  });
  assert.deepEqual(outcomes(await writeAll('a')), ['a']);
});

test('a batch that the database refuses is written again, the very same, until it is taken; the others wait', async () => {
  let failures = 0;
  const { batcher, batches, held, suspicions, writeAll } = open({
    writeCanary: async () => {
      throw outage();
    },
    write: async (rows) => {
      if (failures++ < 10) throw outage();
      return rows.map(({ id }) => id);
    },
  });
  const writing = writeAll('a', 'b', 'c', 'd');
  await waitFor(() => held.length > 0, { what: 'the rows to be held' });
  assert.equal(batcher.held(), 3);
  const flowing = batcher.untilFlowing(new AbortController().signal);
  assert.deepEqual(outcomes(await writing), ['a', 'b', 'c', 'd']);
  await flowing;
  assert.deepEqual(batches, [...Array.from({ length: 11 }, () => ['a', 'b', 'c']), ['d']]);
  assert.deepEqual([held, suspicions()], [[3], 10]);
});

test('nothing is written again before the database is up', async () => {
  const up = createLatch();
  let isBroken = true;
  const { batches, writeAll } = open({
    health: { suspect: () => undefined, untilUp: () => up.wait() },
    write: async (rows) => {
      if (isBroken) throw outage();
      return rows.map(({ id }) => id);
    },
  });
  const writing = writeAll('a');
  await waitFor(() => batches.length === 1, { what: 'the first try' });
  isBroken = false;
  up.open();
  assert.deepEqual(outcomes(await writing), ['a']);
  assert.equal(batches.length, 2);
});

for (const code of ['53100', '57014', '42501', '40P01', 'XX002', '54000', 'P0001'])
  test(`a row that the database refuses without a fault of a row's (${code}) waits by itself until it is taken`, async () => {
    let refusals = 0;
    const { batcher, writeAll } = open({
      write: async (rows) => {
        if (rows.some(({ id }) => id === 'odd') && ++refusals < 20) throw failure(code);
        return rows.map(({ id }) => id);
      },
    });
    const odd = writeAll('odd', 'a');
    assert.deepEqual(outcomes(await writeAll('b', 'c')), ['b', 'c']);
    assert.equal(batcher.held(), 0);
    assert.deepEqual(outcomes(await odd), ['odd', 'a']);
    assert.equal(refusals, 20);
  });

test("a row that waits by itself is given up once it fails with a fault of a row's while a canary is taken", async () => {
  let refusals = 0;
  const { writeAll } = open({
    write: async () => {
      throw failure(++refusals < 8 ? '53100' : '22021');
    },
  });
  assert.deepEqual(outcomes(await writeAll('odd')), ['UnstorableRow']);
  assert.equal(refusals, 9);
});

test('at a stop a row that is not taken is given back, and waiting callers are released', async () => {
  const { batcher, held, stop, writeAll } = open({
    write: async () => {
      throw outage();
    },
    writeCanary: async () => {
      throw outage();
    },
  });
  const writing = writeAll('a', 'b', 'c', 'd');
  await waitFor(() => held.length > 0, { what: 'the rows to be held' });
  const waiting = batcher.untilFlowing(stop.signal);
  stop.abort();
  await waiting;
  const settled = await writing;
  assert.ok(settled.every((one) => one.status === 'rejected' && one.reason instanceof BatcherStopped));
});
