import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { createLanes, LATE_MS, type Look } from './lanes.ts';

const NAMES = ['a', 'b', 'c'] as const;
const whole = (floors: Record<string, string>, otherFloor: string): Look => ({
  floors: new Map(Object.entries(floors)),
  idle: new Set(),
  otherFloor,
  isWhole: true,
});

type Change =
  /** A transaction that takes `openMs` brings a due row. */
  | { kind: 'add'; lane: string; openMs: number }
  /** The oldest row of the lane that a claim can see is finished. */
  | { kind: 'finish'; lane: string }
  | { kind: 'look'; tookMs: number; fails: boolean }
  | { kind: 'pass'; ms: number };

const change = fc.oneof<fc.Arbitrary<Change>[]>(
  fc.record({ kind: fc.constant('add'), lane: fc.constantFrom(...NAMES), openMs: fc.nat(2 * LATE_MS) }),
  fc.record({ kind: fc.constant('finish'), lane: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('look'), tookMs: fc.nat(1_500), fails: fc.boolean() }),
  fc.record({ kind: fc.constant('pass'), ms: fc.nat(2 * LATE_MS) }),
);

interface Row {
  lane: string;
  dueAt: number;
  openMs: number;
  committedAt: number;
  /** Its process is this one. */
  isTold: boolean;
}

const isAtLeast = (dueAt: number, floor: string): boolean => floor === '-infinity' || dueAt >= Number(floor);
const inSteps = (ms: number): number => Math.ceil(ms / 50) * 50;

property(
  'a due row is within reach of claims once it is told of, or from the next look on, or from the next full one if it is late, until it is finished',
  fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 60, size: 'max' }), (changes) => {
    const lanes = createLanes({ leastPauseMs: 0 });
    let now = 0;
    let rows: Row[] = [];
    const lookedAt = { any: Number.NEGATIVE_INFINITY, full: Number.NEGATIVE_INFINITY };
    const committed = () => rows.filter(({ committedAt }) => committedAt <= now);
    const isSeen = ({ lane, dueAt }: Row): boolean =>
      lanes.after('').includes(lane) && isAtLeast(dueAt, lanes.floorOf(lane));
    const commit = (): void => {
      for (const { lane, committedAt, isTold } of rows) if (isTold && committedAt === now) lanes.tell(lane);
    };
    const pass = (ms: number): void => {
      for (const end = now + ms; now < end; commit()) now += 50;
    };
    const look = ({ tookMs, fails }: { tookMs: number; fails: boolean }): void => {
      const { from, end } = lanes.beginLook(now);
      const begunAt = now;
      const late = now - LATE_MS;
      const floors: Record<string, string> = {};
      for (const { lane, dueAt } of committed().toReversed())
        if (isAtLeast(dueAt, from.get(lane) ?? '-infinity')) floors[lane] = String(Math.min(dueAt, late));
      pass(inSteps(tookMs));
      end(now, fails ? undefined : whole(floors, String(late)));
      if (fails) return;
      lookedAt.any = begunAt;
      if (from.size === 0) lookedAt.full = begunAt;
    };
    for (const [step, isTold] of changes) {
      if (step.kind === 'add') {
        const openMs = inSteps(step.openMs);
        rows.push({ ...{ lane: step.lane, dueAt: now, openMs, isTold }, committedAt: now + openMs });
        commit();
      }
      if (step.kind === 'finish') {
        const done = committed().find((row) => row.lane === step.lane && isSeen(row));
        rows = rows.filter((row) => row !== done);
      }
      if (step.kind === 'pass') pass(inSteps(step.ms));
      if (step.kind === 'look' && lanes.isLookDue(now)) look(step);
      for (const row of committed()) {
        const isLate = row.openMs > LATE_MS;
        const isFound = row.committedAt <= (isLate ? lookedAt.full : lookedAt.any);
        if (isFound || (row.isTold && !isLate)) assert.ok(isSeen(row), JSON.stringify({ row, now }));
      }
    }
  }),
);

/** Lanes behind a full look that took so long, and the time. */
function afterFullLook(tookMs: number, leastPauseMs = 0) {
  const lanes = createLanes({ leastPauseMs });
  lanes.beginLook(0).end(tookMs, whole({ a: '3' }, '4'));
  return lanes;
}

property(
  'looks take a twentieth of the time or less, unless that would put them off for more than ten seconds',
  fc.property(fc.nat(10_000), fc.nat(1_000), (tookMs, leastPauseMs) => {
    const lanes = createLanes({ leastPauseMs });
    assert.ok(lanes.isLookDue(0));
    const { end } = lanes.beginLook(0);
    assert.ok(!lanes.isLookDue(Number.MAX_VALUE), 'one at a time');
    end(tookMs);
    const pauseMs = Math.min(Math.max(19 * tookMs, leastPauseMs), 10_000);
    assert.ok(lanes.isLookDue(tookMs + pauseMs));
    if (pauseMs > 0) assert.ok(!lanes.isLookDue(tookMs + pauseMs - 1));
  }),
);

property(
  'full looks take a hundredth of the time or less, unless that would put them off for more than five minutes',
  fc.property(fc.integer({ min: 1, max: 10_000 }), (tookMs) => {
    const isFullAt = (atMs: number): boolean => afterFullLook(tookMs).beginLook(atMs).from.size === 0;
    const pauseMs = Math.min(99 * tookMs, 300_000);
    assert.ok(isFullAt(tookMs + pauseMs));
    assert.ok(!isFullAt(tookMs + pauseMs - 1));
  }),
);

test('a full look that takes long puts off no look from the floors', () => {
  const lanes = afterFullLook(200);
  lanes.beginLook(4_000).end(4_002, whole({ a: '3' }, '4'));
  assert.ok(lanes.isLookDue(4_002 + 19 * 2));
  lanes.beginLook(30_000).end(32_000, whole({ a: '3' }, '4'));
  assert.ok(lanes.isLookDue(32_000 + 19 * 2));
});

test('after a full look that failed, and after Postgres hung during a look, the next one is full', () => {
  const failed = afterFullLook(100);
  failed.beginLook(10_000).end(10_100);
  assert.equal(failed.beginLook(12_100).from.size, 0);
  const hung = afterFullLook(900);
  const { from, end } = hung.beginLook(20_000);
  assert.deepEqual([...from], [['a', '3']]);
  end(20_000 + LATE_MS + 1, whole({ a: '5' }, '6'));
  assert.equal(hung.beginLook(32_000).from.size, 0);
});

test('looks begin at the floors of lanes that are empty or idle by now, too, until a full look passes few rows', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0).end(100, { ...whole({ a: '1', b: '1', c: '1' }, '2'), idle: new Set(['b']) });
  assert.deepEqual(lanes.after(''), ['a', 'c']);
  lanes.beginLook(2_000).end(2_001, { ...whole({ a: '3', b: '1' }, '4'), idle: new Set(['b']) });
  assert.deepEqual(lanes.after(''), ['a']);
  const begun = lanes.beginLook(3_000);
  assert.deepEqual(Object.fromEntries(begun.from), { a: '3', b: '1', c: '4' });
  begun.end(3_001, whole({ a: '3', b: '1' }, '5'));
  lanes.beginLook(20_000).end(20_001, whole({ a: '6' }, '7'));
  assert.deepEqual([...lanes.beginLook(20_050).from], [['a', '6']]);
});

test('a look that failed changes nothing', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0).end(1);
  assert.ok(!lanes.isKnown());
  lanes.beginLook(100).end(101, whole({ a: '7' }, '9'));
  lanes.tell('b');
  lanes.beginLook(200).end(201);
  assert.deepEqual(
    [lanes.isKnown(), lanes.after(''), lanes.floorOf('a'), lanes.floorOf('b')],
    [true, ['a', 'b'], '7', '9'],
  );
});

test('a lane without due work leaves the list with the next look, unless it is told of meanwhile', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  for (const name of NAMES) lanes.tell(name);
  const { end } = lanes.beginLook(0);
  lanes.tell('b');
  end(1, whole({ c: '5' }, '9'));
  assert.deepEqual(lanes.after(''), ['b', 'c']);
});

test('a look at some lanes adds to what is known of the others', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0).end(1, whole({ a: '3', b: '4' }, '5'));
  lanes.beginLook(2).end(3, { ...whole({ b: '6' }, '8'), isWhole: false });
  assert.deepEqual(['a', 'b', 'c'].map(lanes.floorOf), ['3', '6', '5']);
});

test('the turn goes on after any lane, also one that has left the list', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  for (const name of ['c', 'a', 'd']) lanes.tell(name);
  assert.deepEqual(lanes.after(''), ['a', 'c', 'd']);
  assert.deepEqual(lanes.after('a'), ['c', 'd', 'a']);
  assert.deepEqual(lanes.after('b'), ['c', 'd', 'a']);
  assert.deepEqual(lanes.after('d'), ['a', 'c', 'd']);
});
