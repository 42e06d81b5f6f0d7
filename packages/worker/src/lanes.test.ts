import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { createLanes, LATE_MS, type Look } from './lanes.ts';

const NAMES = ['a', 'b', 'c'] as const;
const whole = (floors: Record<string, string>, otherFloor: string): Look => ({
  floors: new Map(Object.entries(floors)),
  otherFloor,
  isWhole: true,
});

type Change =
  /** A transaction that takes `openMs` brings a due row; its process is told. */
  | { kind: 'add'; lane: string; openMs: number }
  /** The oldest row of the lane that a claim can see is finished. */
  | { kind: 'finish'; lane: string }
  | { kind: 'look'; tookMs: number }
  | { kind: 'pass'; ms: number };

const change = fc.oneof<fc.Arbitrary<Change>[]>(
  fc.record({ kind: fc.constant('add'), lane: fc.constantFrom(...NAMES), openMs: fc.nat(2 * LATE_MS) }),
  fc.record({ kind: fc.constant('finish'), lane: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('look'), tookMs: fc.nat(60) }),
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

property(
  'a due row is within reach of claims once it is told of, or else from the next look on, until it is finished',
  fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 60, size: 'max' }), (changes) => {
    const lanes = createLanes({ leastPauseMs: 0 });
    let now = 0;
    let rows: Row[] = [];
    let lookedAt = Number.NEGATIVE_INFINITY;
    const committed = () => rows.filter(({ committedAt }) => committedAt <= now);
    const isSeen = ({ lane, dueAt }: Row): boolean => {
      const floor = lanes.floorOf(lane);
      return lanes.after('').includes(lane) && (floor === '-infinity' || dueAt >= Number(floor));
    };
    const commit = (): void => {
      for (const { lane, committedAt, isTold } of rows) if (isTold && committedAt === now) lanes.tell(lane);
    };
    const pass = (ms: number): void => {
      for (const end = now + ms; now < end; commit()) now += Math.min(50, end - now);
    };
    for (const [step, isTold] of changes) {
      if (step.kind === 'add') {
        const openMs = Math.ceil(step.openMs / 50) * 50;
        rows.push({ ...{ lane: step.lane, dueAt: now, openMs, isTold }, committedAt: now + openMs });
        commit();
      }
      if (step.kind === 'finish') {
        const done = committed().find((row) => row.lane === step.lane && isSeen(row));
        rows = rows.filter((row) => row !== done);
      }
      if (step.kind === 'pass') pass(Math.ceil(step.ms / 50) * 50);
      if (step.kind === 'look' && lanes.isLookDue(now)) {
        const end = lanes.beginLook(now);
        lookedAt = now;
        const late = now - LATE_MS;
        const floors: Record<string, string> = {};
        for (const { lane, dueAt } of committed().toReversed()) floors[lane] = String(Math.min(dueAt, late));
        pass(Math.ceil(step.tookMs / 50) * 50);
        end(now, whole(floors, String(late)));
      }
      for (const row of committed()) {
        const isFound = row.committedAt <= lookedAt;
        if (isFound || (row.isTold && row.openMs <= LATE_MS)) assert.ok(isSeen(row), JSON.stringify({ row, now }));
      }
    }
  }),
);

property(
  'looks take a twentieth of the time or less, unless that would put them off for more than ten seconds',
  fc.property(fc.nat(10_000), fc.nat(1_000), (tookMs, leastPauseMs) => {
    const lanes = createLanes({ leastPauseMs });
    assert.ok(lanes.isLookDue(0));
    const end = lanes.beginLook(0);
    assert.ok(!lanes.isLookDue(Number.MAX_VALUE), 'one at a time');
    end(tookMs);
    const pauseMs = Math.min(Math.max(19 * tookMs, leastPauseMs), 10_000);
    assert.ok(lanes.isLookDue(tookMs + pauseMs));
    if (pauseMs > 0) assert.ok(!lanes.isLookDue(tookMs + pauseMs - 1));
  }),
);

test('a look that failed changes nothing', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0)(1);
  assert.ok(!lanes.isKnown());
  lanes.beginLook(100)(101, whole({ a: '7' }, '9'));
  lanes.tell('b');
  lanes.beginLook(200)(201);
  assert.deepEqual(
    [lanes.isKnown(), lanes.after(''), lanes.floorOf('a'), lanes.floorOf('b')],
    [true, ['a', 'b'], '7', '9'],
  );
});

test('a lane without due work leaves the list with the next look, unless it is told of meanwhile', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  for (const name of NAMES) lanes.tell(name);
  const end = lanes.beginLook(0);
  lanes.tell('b');
  end(1, whole({ c: '5' }, '9'));
  assert.deepEqual(lanes.after(''), ['b', 'c']);
});

test('a look at some lanes adds to what is known of the others', () => {
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0)(1, whole({ a: '3', b: '4' }, '5'));
  lanes.beginLook(2)(3, { floors: new Map([['b', '6']]), otherFloor: '8', isWhole: false });
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
