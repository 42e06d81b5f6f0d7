import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Evidence, type Fault, judge, judgeRepeats } from './judge.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `e${at}`);

/** What a faultless product makes of so many events, each in 100 ms. */
function evidence(count: number, faults: Fault[] = []): Evidence {
  return {
    events: ids(count).map((key, at) => ({ key, ref: `ref-${key}`, acceptedAtMs: at * 1_000 })),
    calls: ids(count).map((key, at) => ({
      key: `run-${key}`,
      ref: `ref-${key}`,
      atMs: at * 1_000 + 50,
      answeredAtMs: at * 1_000 + 55,
    })),
    arrivals: ids(count).map((key, at) => ({
      resultId: `result-${key}`,
      idempotencyKey: key,
      siteId: 'site-000',
      status: 'succeeded',
      atMs: at * 1_000 + 100,
      acknowledgedAtMs: at * 1_000 + 101,
    })),
    faults,
  };
}

const killOf = (target: Fault['target'], startMs: number): Fault => {
  return { target, what: `kill of ${target}`, interrupts: true, startMs, endMs: startMs + 500 };
};

/** A copy of one entry, later. */
const again = <T extends { atMs: number }>(entries: readonly T[], at: number, laterMs: number): T[] => {
  const entry = entries[at];
  return entry === undefined ? [] : [{ ...entry, atMs: entry.atMs + laterMs }];
};

test('what arrived once, called for once, under one key, in time, breaks no promise', () => {
  const verdict = judge(evidence(20, [killOf('enricher', 5_000)]));
  assert.deepEqual(verdict.broken, []);
  assert.deepEqual([verdict.accepted, verdict.repeatedCalls, verdict.repeatedResults], [20, 0, 0]);
});

test('an accepted event without a result is lost, by its id; one that was never accepted is not', () => {
  const made = evidence(3);
  const events = made.events.map((event, at) => (at === 2 ? { ...event, acceptedAtMs: null } : event));
  assert.deepEqual(judge({ ...made, events, arrivals: made.arrivals.slice(0, 2) }).broken, []);
  const { broken, lost } = judge({ ...made, arrivals: made.arrivals.slice(0, 2) });
  assert.deepEqual([lost, broken], [['e2'], ['1 accepted and never delivered: e2']]);
});

test('a result that says failed is broken', () => {
  const made = evidence(2);
  const arrivals = made.arrivals.map((one) => ({ ...one, status: 'failed' }));
  assert.deepEqual(judge({ ...made, arrivals }).broken, ['2 ended as failed: e0, e1']);
});

test('a repeat is explained only by a cut of the process that had it in flight, and not by another one', () => {
  const repeatedCall = (faults: Fault[]) => {
    const made = evidence(20, faults);
    return judge({ ...made, calls: [...made.calls, ...again(made.calls, 10, 9_000)] }).broken;
  };
  assert.deepEqual(repeatedCall([killOf('enricher', 10_500)]), []);
  assert.deepEqual(repeatedCall([killOf('outside', 10_500)]), []);
  assert.deepEqual(repeatedCall([killOf('enricher', 2_000)]), [
    '1 called again without need: run-e10 (10.1 s, 19.1 s)',
  ]);
  assert.deepEqual(repeatedCall([killOf('postgres', 10_500)]), [
    '1 called again without need: run-e10 (10.1 s, 19.1 s)',
  ]);
  const repeatedPush = (faults: Fault[]) => {
    const made = evidence(20, faults);
    return judge({ ...made, arrivals: [...made.arrivals, ...again(made.arrivals, 10, 9_000)] }).broken;
  };
  assert.deepEqual(repeatedPush([killOf('callback', 10_500)]), []);
  assert.deepEqual(repeatedPush([killOf('enricher', 10_500)]), [
    '1 delivered again without need: result-e10 (10.1 s, 19.1 s)',
  ]);
});

test('more repeats than one process has in flight are not explained by its kill', () => {
  const made = evidence(80, [{ ...killOf('callback', 0), endMs: 90_000 }]);
  const doubled = made.arrivals.flatMap((_, at) => again(made.arrivals, at, 20_000));
  assert.deepEqual(judge({ ...made, arrivals: [...made.arrivals, ...doubled] }).broken, [
    'delivered again without need: 80 by "kill of callback", more than can be in flight',
  ]);
});

test('one event at the vendor under two keys is broken, whatever was killed', () => {
  const made = evidence(20, [killOf('enricher', 10_500)]);
  const other = again(made.calls, 10, 5_000).map((call) => ({ ...call, key: 'another' }));
  assert.deepEqual(judge({ ...made, calls: [...made.calls, ...other] }).broken, [
    '1 at the vendor under two keys: ref-e10',
  ]);
});

test('a result more than 30 s after the last fault and the last 202 is too late', () => {
  const made = evidence(3, [killOf('nats', 1_500)]);
  const late = { ...made, arrivals: [...made.arrivals.slice(0, 2), ...again(made.arrivals, 2, 31_000)] };
  assert.deepEqual(judge(late).broken, ['drained only after 31 s']);
});

test('a push that is repeated long after all was delivered is found too, and explained by a fault that came later', () => {
  const made = evidence(20, [killOf('callback', 3_000)]);
  const late = { ...made, arrivals: [...made.arrivals, ...again(made.arrivals, 10, 900_000)] };
  assert.deepEqual(judgeRepeats(late), ['1 delivered again without need: result-e10 (10.1 s, 910.1 s)']);
  assert.deepEqual(judgeRepeats({ ...late, faults: [...late.faults, killOf('callback', 10_500)] }), []);
});
