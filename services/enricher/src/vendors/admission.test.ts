import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { CallOutcome } from '../model.ts';
import { type Admission, type Block, createAdmission } from './admission.ts';

const RULES = { maxConcurrency: 4, breaker: { failures: 3, openMs: 1_000 } };
const OK: CallOutcome = { kind: 'succeeded', sealedOutput: '', statusCode: 200 };
const DOWN: CallOutcome = { kind: 'retry', code: 'vendor_unavailable', statusCode: 503 };
const REFUSED: CallOutcome = { kind: 'failed', code: 'vendor_refused', statusCode: 400 };
const MALFORMED: CallOutcome = { kind: 'failed', code: 'malformed_answer', statusCode: 200 };
const DENIED: CallOutcome = { kind: 'hold', code: 'vendor_denied', statusCode: 401, isCertain: true };
const FORBIDDEN: CallOutcome = { kind: 'hold', code: 'vendor_denied', statusCode: 403, isCertain: false };
const limited = (waitMs?: number): CallOutcome => ({
  ...{ kind: 'wait', code: 'rate_limited', statusCode: 429, isForAll: true },
  ...(waitMs === undefined ? {} : { waitMs }),
});

let count = 0;
let clockMs = 0;
/** A call of its own run, unless it is named, from its beginning to its end. */
async function call(
  admission: Admission,
  outcome: CallOutcome,
  nowMs: number,
  runId = `run-${count++}`,
): Promise<boolean> {
  clockMs = nowMs;
  const { leave, isProbe } = admission.enter(runId, nowMs);
  leave(outcome, nowMs);
  await turn();
  return isProbe;
}

/** What `admission` says at an instant. */
function at(admission: Admission, nowMs: number): Admission {
  clockMs = nowMs;
  return admission;
}

beforeEach(() => {
  mock.restoreAll();
  clockMs = 0;
  mock.method(performance, 'now', () => clockMs);
});

test('no more calls are in flight than allowed', async () => {
  const admission = createAdmission(RULES);
  const calls = Array.from({ length: 4 }, (_, index) => admission.enter(`${index}`, 0));
  assert.equal(at(admission, 0).free(0), 0);
  calls[0]?.leave(OK, 0);
  assert.equal(at(admission, 0).free(0), 1);
});

test('failures open it, then one call probes, and its success lets all through', async () => {
  const admission = createAdmission(RULES);
  for (let failures = 0; failures < 3; failures++) assert.equal(await call(admission, DOWN, 0), false);
  assert.equal(at(admission, 0).state(0), 'open');
  assert.equal(at(admission, 0).blockedBy(0), 'unavailable');
  assert.equal(at(admission, 999).free(999), 0);
  assert.equal(at(admission, 0).opensAtMs(0), 1_000);
  assert.equal(at(admission, 1_000).free(1_000), 1);
  const { leave, isProbe } = admission.enter('probe', 1_000);
  assert.ok(isProbe);
  assert.equal(at(admission, 1_000).free(1_000), 0);
  leave(OK, 1_100);
  await turn();
  assert.equal(at(admission, 1_100).state(1_100), 'closed');
  assert.equal(at(admission, 1_100).free(1_100), 4);
});

test('a probe that fails opens it again, for twice as long, up to five minutes', async () => {
  const admission = createAdmission(RULES);
  for (let failures = 0; failures < 3; failures++) await call(admission, DOWN, 0);
  let nowMs = 1_000;
  for (const forMs of [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]) {
    assert.ok(await call(admission, DOWN, nowMs));
    assert.equal(at(admission, nowMs + forMs - 1).free(nowMs + forMs - 1), 0, `${forMs}`);
    nowMs += forMs;
    assert.equal(at(admission, nowMs).free(nowMs), 1);
  }
});

test('one run that fails again and again does not hold up the others', async () => {
  const admission = createAdmission(RULES);
  for (let failures = 0; failures < 20; failures++) await call(admission, DOWN, 0, 'poison');
  await call(admission, DOWN, 0, 'another');
  assert.equal(admission.state(0), 'closed');
  await call(admission, DOWN, 0, 'a third');
  assert.equal(admission.state(0), 'open');
});

test('it opens once more than half of the last calls failed, and not while half of them succeed', async () => {
  const admission = createAdmission(RULES);
  for (let calls = 0; calls < 50; calls++) await call(admission, calls % 2 === 0 ? OK : DOWN, 0);
  assert.equal(admission.state(0), 'closed');
  for (const outcome of [DOWN, DOWN, OK, DOWN]) await call(admission, outcome, 0);
  assert.equal(admission.state(0), 'open');
});

test('a complete answer shows that the vendor lives, however bad it is, and a call given up shows nothing', async () => {
  for (const alive of [REFUSED, MALFORMED, OK, limited(0)]) {
    const admission = createAdmission(RULES);
    for (const outcome of [DOWN, alive, alive, DOWN]) await call(admission, outcome, 0);
    for (let calls = 0; calls < 9; calls++) await call(admission, { kind: 'abandoned' }, 0);
    assert.equal(admission.state(0), 'closed');
    await call(admission, DOWN, 0);
    assert.equal(admission.state(0), 'open');
  }
});

test('a rate limit holds back every run, as long as asked within an hour, and ten seconds if nothing is asked', async () => {
  for (const [waitMs, pausedMs] of [
    [5_000, 5_000],
    [undefined, 10_000],
    [86_400_000, 3_600_000],
  ] as const) {
    const admission = createAdmission(RULES);
    await call(admission, limited(waitMs), 0);
    assert.equal(at(admission, 0).blockedBy(0), 'limited');
    assert.equal(at(admission, pausedMs - 1).free(pausedMs - 1), 0);
    assert.ok(at(admission, pausedMs).free(pausedMs) >= 1);
    assert.equal(at(admission, pausedMs).blockedBy(pausedMs), null);
  }
});

test('refusals of calls that were under way together slow the pace once', async () => {
  const admission = createAdmission(RULES);
  for (let taken = 0; taken < 40; taken++) await call(admission, OK, taken * 50);
  const calls = Array.from({ length: 4 }, (_, index) => admission.enter(`${index}`, 2_000));
  for (const { leave } of calls) leave(limited(1_000), 2_100);
  await turn();
  // Eight tenths of twenty a second, but four at once.
  assert.equal(at(admission, 3_100).free(3_100), 4);
  for (let begun = 0; begun < 4; begun++) await call(admission, OK, 3_100);
  assert.equal(at(admission, 3_100).free(3_100), 4);
});

test('a refused credential opens it at once, for all', async () => {
  const admission = createAdmission(RULES);
  await call(admission, DENIED, 0);
  assert.equal(at(admission, 0).blockedBy(0), 'denied');
  assert.equal(at(admission, 999).free(999), 0);
  assert.ok(await call(admission, DENIED, 1_000));
  assert.equal(at(admission, 2_999).free(2_999), 0);
  assert.ok(await call(admission, OK, 3_000));
  assert.equal(at(admission, 3_000).free(3_000), 4);
});

test('calls that were under way together open it once', async () => {
  const admission = createAdmission(RULES);
  const calls = Array.from({ length: 4 }, (_, index) => admission.enter(`${index}`, 0));
  for (const { leave } of calls) leave(DENIED, 10);
  await turn();
  assert.equal(at(admission, 1_010).free(1_010), 1);
});

test('a 403 is about the credential once it meets three runs in a row, and not if it meets one alone', async () => {
  const admission = createAdmission(RULES);
  for (let times = 0; times < 9; times++) await call(admission, FORBIDDEN, 0, 'one');
  await call(admission, FORBIDDEN, 0, 'two');
  assert.equal(at(admission, 0).state(0), 'closed');
  await call(admission, OK, 0);
  for (const run of ['one', 'two']) await call(admission, FORBIDDEN, 0, run);
  assert.equal(at(admission, 0).state(0), 'closed');
  await call(admission, FORBIDDEN, 0, 'three');
  assert.equal(at(admission, 0).blockedBy(0), 'denied');
});

test('others are told of limits and refused credentials, and when these are taken again', async () => {
  const told: (Block | null)[] = [];
  const admission = createAdmission(RULES, (block) => told.push(block));
  await call(admission, limited(5_000), 0);
  for (let failures = 0; failures < 3; failures++) await call(admission, DOWN, 6_000);
  await call(admission, OK, 7_000);
  await call(admission, DENIED, 8_000);
  await call(admission, OK, 9_000);
  assert.deepEqual(told, [{ cause: 'limited', forMs: 5_000 }, { cause: 'denied', forMs: 1_000 }, null]);
});

test('what another process learnt holds here too', async () => {
  const admission = createAdmission(RULES);
  admission.block({ cause: 'limited', forMs: 5_000 }, 0);
  assert.equal(at(admission, 4_999).free(4_999), 0);
  assert.equal(at(admission, 5_000).free(5_000), 4);
  admission.block({ cause: 'denied', forMs: 5_000 }, 10_000);
  await turn();
  assert.equal(at(admission, 14_999).free(14_999), 0);
  assert.equal(at(admission, 15_000).free(15_000), 1);
});
